"""The grammar of workspace.yaml, declared once: validation and the JSON Schema are made from it.

May import `workspace.text`. Begin with `declaration`, which declares every key; `decoding` reads a
file by it, `schema` prints config/workspace.schema.json.
"""
