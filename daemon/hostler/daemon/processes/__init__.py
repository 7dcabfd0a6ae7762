"""One process of a location: the wire to it, its output and exit, and the factory that makes it.

May import `launching`, `workspace` and `logs`. Begin with `factory`; `channel` is the wire,
`command` the command line and the variables, `runtime` the folder that brings our code along.
"""
