"""workspace.yaml: reads the files, resolves the locations they name, compares two workspaces.

May import `base`. Begin with `loading.load_workspace`; `resolution` turns what was read into
specifications of locations, `plan` says what has to change.
"""
