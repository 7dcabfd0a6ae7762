"""workspace.yaml: from the file to the locations that it names, and from one workspace to the next.

May import `base`. Begin with `loading.load_workspace`; `resolution` turns what was read into
specifications of locations, `plan` says what a changed file asks for.
"""
