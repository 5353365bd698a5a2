"""A quick yes for values that fit the plain schemas most tools have; whatever is not plain, or not fitting, gets none.

Used by ``schema`` before its own check, which counts steps and explains. Plain is what costs no more than schema times
value: no references, no patterns, nothing that looks at other keywords' results. A compiled library answers in a
microsecond where the counting one takes a hundred.
"""

from functools import lru_cache
from typing import Any

import orjson
from jsonschema_rs import Draft7Validator, Draft202012Validator

_MOST_NODES = 2000
_MOST_DEPTH = 32

_ONE_SCHEMA = frozenset({"items", "additionalProperties", "not"})
_MANY_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_PLAIN = frozenset({
    "type", "properties", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "$comment", "title",
    "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format", "$schema",
})  # fmt: skip


@lru_cache(maxsize=2048)
def _compiled(schema_json: bytes) -> Draft7Validator | Draft202012Validator | None:
    schema = orjson.loads(schema_json)
    if not isinstance(schema, dict) or not _is_plain(schema):
        return None
    draft = Draft7Validator if "/draft-0" in str(schema.get("$schema")) else Draft202012Validator
    return draft(schema, validate_formats=False, offline=True)


def surely_fits(schema_json: bytes, value: Any) -> bool:
    """Whether a value of JSON fits a plain schema that was found valid; False says nothing."""
    validator = _compiled(schema_json)
    return validator is not None and validator.is_valid(value)


def _is_plain(schema: dict[str, Any]) -> bool:
    nodes, waiting = 0, [(schema, 0)]
    while waiting:
        one, depth = waiting.pop()
        nodes += 1
        if nodes > _MOST_NODES or depth > _MOST_DEPTH or not one.keys() <= _PLAIN | _ONE_SCHEMA | _MANY_SCHEMAS:
            return False
        inner = [schema for schema in _inner(one) if not isinstance(schema, bool)]
        if not all(isinstance(schema, dict) for schema in inner):
            return False
        waiting += [(schema, depth + 1) for schema in inner]
    return True


def _inner(schema: dict[str, Any]) -> list[Any]:
    """The schemas in a schema; those of a wrong type were refused with the schema."""
    one = [schema[name] for name in _ONE_SCHEMA & schema.keys()]
    many = [inner for name in _MANY_SCHEMAS & schema.keys() for inner in schema[name]]
    return [*one, *many, *schema.get("properties", {}).values()]
