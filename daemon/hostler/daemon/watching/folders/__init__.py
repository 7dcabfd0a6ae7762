"""Where events come from: inotify on folders, mounts that need polling, and links on the way.

May import `watching.content`. Begin with `inotify` and `path_index` (which paths an event
is about).
"""
