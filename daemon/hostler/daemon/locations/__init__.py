"""A location: what it serves, what it loads next, and its processes.

May import `loading`. Begin with `location`, which performs what `state.location` says:
`load_region` loads the newest code, `serving_region` revives the last good generation, `replicas`
makes the processes of workers and runs.
"""
