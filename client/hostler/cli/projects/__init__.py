"""What there is in a folder: files with definitions, environments, and a workspace file of them.

Imports nothing of hostler; reads the code, and never imports it.
Begin with `project.py`.
"""
