"""Daemons: starting one, connecting to one, asking one about its locations and definitions.

Imports the rooms `terminal`, `text` and `options`, and `hostler.client`.
Begin with `connection.py`; `private_daemon.py` is for commands that work where no daemon runs.
"""
