"""Gets events from folders: which are watched, which have to be polled, which paths are concerned.

May import `watching.content`. Begin with `inotify` (the events) and `path_index` (the paths that an
event concerns).
"""
