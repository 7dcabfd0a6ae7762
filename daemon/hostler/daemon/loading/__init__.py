"""One load: the location process, its time limit, why it failed, and whether a fork will do.

May import `templates` and `generations`. Begin with `location_process`; `failures` has every reason
that a load can fail for, `fork_policy` decides between fork and spawn.
"""
