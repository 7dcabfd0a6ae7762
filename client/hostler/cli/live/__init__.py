"""What is shown while something goes on: a run, a backfill, the workspace.

Imports the rooms `terminal`, `text` and `daemons`, and `hostler.client`.
Begin with `run.py`. Rich takes 80 ms to import: only the modules for a terminal import it.
"""
