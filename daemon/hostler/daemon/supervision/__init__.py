"""The whole workspace: keeps the locations as the files have them, and tells of every change.

May import `locations` and `runs`. Begin with `supervisor`; `presentation` makes the messages that
`ps` shows, `change_feed` numbers the changes for whoever watches.
"""
