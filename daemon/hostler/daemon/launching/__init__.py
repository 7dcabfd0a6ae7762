"""The daemon's side of the keeper: orders for processes, their exits, and what kills leftovers.

May import `keeper` and `base`. Begin with `launcher`: the `Launcher` protocol and its one
implementation, `KeeperLauncher`.
"""
