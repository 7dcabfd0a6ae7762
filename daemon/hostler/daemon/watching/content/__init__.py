"""Reads and compares files: digests, patterns, links, and the record of one watch.

May import `base`. Begin with `digests.read_state` (what a path reads as) and `watch_record`.
"""
