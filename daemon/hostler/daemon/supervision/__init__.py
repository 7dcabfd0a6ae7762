"""The whole workspace: keeps the locations as the files have them, and publishes every change.

May import `locations` and `runs`. Begin with `supervisor`; `presentation` makes the messages that
`ps` shows, `memory` has their figures, `change_feed` numbers the changes for those who watch.
"""
