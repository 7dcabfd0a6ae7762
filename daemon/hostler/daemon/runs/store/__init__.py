"""The record of runs: SQLite in the state folder, one writing thread, readers beside it.

May import `base`. Begin with `run_store`; `writer` commits in transactions what `tables` writes as
SQL.
"""
