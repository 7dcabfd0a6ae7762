"""The state tables: what a location, its process and its fork policy do next, without clock or I/O.

May import nothing of the daemon's. Begin with `location`; `diagram` prints docs/states.md.
"""
