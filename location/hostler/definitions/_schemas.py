"""The schemas of the configs that solids and resources declare."""

from __future__ import annotations

from hostler.definitions.config import Field, MappingType, config_type_for, mapping_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions.config import ConfigType
    from hostler.definitions.source import SourcePosition


def schema_type(schema: object, what: str, source: SourcePosition | None) -> ConfigType:
    """Returns the schema that a solid declares; None declares that it takes no config.

    Raises:
        DefinitionError: it is no type, or something in it is none.
    """
    if schema is None:
        return MappingType({})
    if isinstance(schema, dict):
        return mapping_type(schema, f"the config of {what}", source)
    from hostler.definitions.config_kinds import WholeType

    if isinstance(schema, Field):
        return WholeType(schema)
    return WholeType(Field(config_type_for(schema, f"the config of {what}", source)))
