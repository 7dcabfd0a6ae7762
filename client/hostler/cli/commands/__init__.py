"""A module for each command: `hostler ps` is `ps.py`.

Imports every other room; only `main.py` imports this one, a module when its command is called.
Begin with `run.py`, a group of five commands.
"""
