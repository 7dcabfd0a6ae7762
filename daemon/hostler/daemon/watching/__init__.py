"""Watches files, and tells their owners which of them have another content than the owners know.

May import `base`. Begin with `watcher` (what other rooms use) and `file_watcher` (the real one);
`content` reads and compares files, `folders` gets events, `fake` is for tests.
"""
