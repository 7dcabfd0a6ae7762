"""What runs inside each environment's interpreter: loads, describes, answers, runs.

A package with this file, unlike `hostler` itself: a folder without one would give way to the
`hostler.host` of another version that the user has installed.
"""
