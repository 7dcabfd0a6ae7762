"""Schedules that run: which tick is due, what its functions say, and the run that it launches.

May import `runs`. Begin with `rules`, which decides without clock and I/O; `schedules` performs it.
"""
