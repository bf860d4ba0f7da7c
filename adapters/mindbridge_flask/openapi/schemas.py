"""JSON Schema of what is sent, from the input classes and their rules, and of what is answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import attrs
import msgspec

from mindbridge_core.validation import UNSET, Unset
from mindbridge_flask.openapi.examples import EXAMPLES

__all__ = ["REFERENCE", "Schema", "answer_schemas", "fields_of", "input_schema"]

Schema = dict[str, Any]

REFERENCE: Final = "#/components/schemas/{name}"

_KINDS: Final[dict[object, Schema]] = {
    bool: {"type": "boolean"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    Decimal: {"type": "number"},
    int: {"type": "integer"},
    str: {"type": "string"},
    UUID: {"type": "string", "format": "uuid"},
}


def input_schema(cls: type[attrs.AttrsInstance]) -> Schema:
    """Return the schema of an input class; what it refuses by rule, the schema refuses too."""
    fields = fields_of(cls)
    required = [name for name, (_, needed) in fields.items() if needed]
    return {
        "title": cls.__name__,
        "description": (cls.__doc__ or "").strip(),
        "type": "object",
        "properties": {name: schema for name, (schema, _) in fields.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
        **({"examples": [EXAMPLES[cls.__name__]]} if cls.__name__ in EXAMPLES else {}),
    }


def fields_of(cls: type[attrs.AttrsInstance], *, nullable: bool = True) -> dict[str, tuple[Schema, bool]]:
    """Return each field's schema, and whether it must be sent. In a query nothing is null."""
    return {
        field.name: (_field(field, nullable=nullable), field.default is attrs.NOTHING)
        for field in attrs.fields(attrs.resolve_types(cls))
    }


def _field(field: attrs.Attribute[object], *, nullable: bool) -> Schema:
    members = set(getattr(field.type, "__args__", (field.type,))) - {Unset}
    (kind,) = members - {type(None)}
    schema = dict(_KINDS[kind]) if kind in _KINDS else _choice(kind)
    rule = field.metadata.get("rule")
    if rule is not None:
        schema |= rule.schema()
    if nullable and type(None) in members:
        schema = _or_null(schema)
    if field.default is not attrs.NOTHING and field.default is not UNSET and field.default is not None:
        schema["default"] = field.default
    return schema


def _choice(kind: object) -> Schema:
    assert isinstance(kind, type)  # noqa: S101 - input classes are read by the core, which knows no other kinds
    assert issubclass(kind, StrEnum)  # noqa: S101 - likewise
    return {"type": "string", "enum": [member.value for member in kind]}


def _or_null(schema: Schema) -> Schema:
    widened = schema | {"type": [schema["type"], "null"]}
    return widened | {"enum": [*schema["enum"], None]} if "enum" in schema else widened


def answer_schemas(types: Iterable[type]) -> dict[str, Schema]:
    """Return the schemas of the answers and all that they hold, by name."""
    _, components = msgspec.json.schema_components(tuple(types), ref_template=REFERENCE)
    return {name: _with_example(name, _as_sent(schema)) for name, schema in components.items()}


def _with_example(name: str, schema: Schema) -> Schema:
    return schema | {"examples": [EXAMPLES[name]]} if name in EXAMPLES else schema


def _as_sent(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Say what the encoder does: decimals are numbers."""
    if isinstance(schema, list):
        return [_as_sent(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {name: part for name, part in schema.items() if name != "format"} | {"type": "number"}
    return {name: _as_sent(part) for name, part in schema.items()}
