"""Templates: a process for each environment that has imported its packages, and only forks.

May import `processes` and `watching`. Begin with `environments`; `template` keeps one template
alive, `spare` has a fork of it wait for the next load, `packages` says when it is out of date.
"""
