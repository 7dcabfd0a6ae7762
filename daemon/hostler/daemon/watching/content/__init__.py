"""What files read as: digests, patterns, the record of one watch, and the threads that read.

May import `base`. Begin with `digests.read_state` (the digest of a file) and `record.WatchRecord`.
"""
