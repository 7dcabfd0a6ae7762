"""One load: the location process, the time limit of its load, and why a load failed.

May import `templates` and `generations`. Begin with `location_process`; `load_attempt` is its load,
`failures` has every reason that a load can fail for, `stacks` reads where a load hangs.
"""
