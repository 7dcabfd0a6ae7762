"""Runs: recorded, queued within the limits, executed in processes of their own.

May import `locations`. Begin with `runs`; `queue` has the limits, `execution` one run.
"""
