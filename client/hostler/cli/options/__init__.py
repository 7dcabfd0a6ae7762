"""Options that several commands share, and what they are read into.

Imports the room `terminal`, and `hostler.client` for the completion of names.
Begin with `target.py`: which daemon, or which code, a command is about.
"""
