"""The text of workspace files: YAML with positions, paths, env files, problems and their lines.

May import nothing of the daemon's. Begin with `problems` (how a mistake is told) and `models`
(what a valid file comes to).
"""
