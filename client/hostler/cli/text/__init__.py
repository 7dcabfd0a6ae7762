"""Text for people: locations, pipelines, runs and their events as lines.

Imports the room `terminal`, and `hostler.client.names`.
Begin with `locations.py`; `formats.py` has sizes, durations and times.
"""
