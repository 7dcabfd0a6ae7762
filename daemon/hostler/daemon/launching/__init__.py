"""The daemon's side of the keeper: orders processes, learns of their exits, kills leftovers.

May import `keeper` and `base`. Begin with `launcher`: the `Launcher` protocol and what the daemon
uses, `KeeperLauncher`; `fake` is the launcher of tests, which drive its processes.
"""
