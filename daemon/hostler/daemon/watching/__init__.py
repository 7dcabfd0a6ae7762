"""Tells which of the files that a location was loaded from have another content now.

May import `base`. Begin with `file_watcher.FileWatcher`; `content` compares files, `folders` gets
events.
"""
