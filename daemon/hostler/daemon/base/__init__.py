"""What every room uses: time, back-off, background tasks, the log, settings, text.

Imports nothing of the daemon's. Begin with `settings` (every default and its reason) and `clock`.
"""
