"""The `hostler` command, in rooms; each imports only from rooms above it in this list.

terminal   exit codes, messages, signals, tables: the terminal and this process
text       protobuf messages as lines of text
options    the options that several commands share
daemons    starting a daemon, connecting to one, asking it about locations
live       what is shown while a run, a backfill or the daemon goes on
commands   a module for each command, imported when it is called

Begin with `main.py`.
"""
