"""What `hostler doctor` looks at: the machine and the workspace, with no daemon running.

May import from all rooms but the top. Begin with doctor.py.
"""
