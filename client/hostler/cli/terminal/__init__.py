"""The terminal and this process: exit codes, messages, signals, JSON, tables, a progress bar.

Imports no other room of the command.
Begin with `exits.py`; `output.py` has what every command prints with.
"""
