"""A location: what it serves, what it loads next, and the processes that stand in for it.

May import `loading`. Begin with `location`, which performs what `state.location` says; `serving`
revives the last good generation, `replicas` makes its workers and runs.
"""
