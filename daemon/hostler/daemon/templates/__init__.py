"""Templates: a process of each environment that has imported its packages, and only forks.

May import `processes` and `watching`. Begin with `environments`; `template` is made, `spare` waits
for the next load, `packages` says when a template is out of date.
"""
