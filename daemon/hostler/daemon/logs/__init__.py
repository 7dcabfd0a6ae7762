"""What the processes of the locations print: from their pipes to readers and files.

May import `base`. Begin with `location.LocationLog`; `pipes` reads, `files` writes and rotates.
"""
