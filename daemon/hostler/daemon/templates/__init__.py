"""Templates: a process for each environment that has imported its packages, and only forks.

May import `processes` and `watching`. Begin with `environments`; `template` holds what they know of
a template, `process_template` the real one, `fake` the one of tests; `spare` has a fork wait for
the next load, `packages` says when a template is out of date.
"""
