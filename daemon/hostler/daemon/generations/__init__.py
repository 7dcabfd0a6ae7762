"""A generation: the definitions of one good load, and the workers that call its functions.

May import `processes`. Begin with `generation`; `shared_calls` asks a worker once for all readers.
"""
