"""Checks arguments and results against a tool's JSON schema (2020-12), which a stranger wrote.

Used by the pool before and after a call. Compiled validators are cached. Nothing is fetched, regular expressions run in
linear time, and every check has a budget of steps: a few on the event loop, what takes more in a thread, and even there
a hostile schema comes to its end soon.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from orchestrator.core.errors import InvalidInput, OrchestratorError, ServerMisbehaved
from orchestrator.mcp.patterns import Matcher, linear_matcher
from orchestrator.mcp.plain_schema import surely_fits
from orchestrator.mcp.result import ToolInfo

MAX_SCHEMA_BYTES = 1024 * 1024
MAX_STEPS = 50_000
_STEPS_AT_LEAST = 10_000
_STEPS_AT_ONCE = 500
"""A step takes some 40 microseconds. Usual arguments take a dozen."""
_SMALL_BYTES = 64 * 1024

_steps: ContextVar[list[int]] = ContextVar("schema_steps")

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class _TooCostlyError(Exception):
    """The step budget of one check is spent."""


def _counted(keyword: Keyword) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        left = _steps.get()
        left[0] -= 1
        if left[0] < 0:
            raise _TooCostlyError
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _matcher(pattern: str) -> Matcher:
    """What the linear engine cannot do is left to the server, which checks its own arguments anyway."""
    return linear_matcher(pattern) or (lambda _text: True)


def _pattern(_validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and isinstance(pattern, str) and not _matcher(pattern)(instance):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, schema in patterns.items():
        for key in filter(_matcher(pattern), instance):
            yield from validator.descend(instance[key], schema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    matchers = [_matcher(pattern) for pattern in schema.get("patternProperties", {})]
    extras = [key for key in instance if key not in known and not any(matches(key) for matches in matchers)]
    if isinstance(allowed, dict):
        for key in extras:
            yield from validator.descend(instance[key], allowed, path=key)
    elif allowed is False and extras:
        names = ", ".join(repr(key[:100]) for key in extras[:5])
        yield ValidationError(f"unknown: {names}", path=[extras[0]])


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if wanted is True and isinstance(instance, list):
        seen = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in instance}
        if len(seen) < len(instance):
            yield ValidationError("has repeated items")


def _left_to_server(_validator: Any, _value: Any, _instance: Any, _schema: Any) -> Iterator[ValidationError]:
    return iter(())


_OWN: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _guarded(draft: Any, own: dict[str, Keyword]) -> Any:
    return extend(draft, {name: _counted(check) for name, check in (draft.VALIDATORS | own).items()})


_LATEST: Any = _guarded(Draft202012Validator, _OWN)
_DRAFT7: Any = _guarded(Draft7Validator, _OWN)
# Beside patternProperties the library answers unevaluatedProperties with Python's own regex engine.
_WITHOUT_UNEVALUATED: Any = _guarded(Draft202012Validator, _OWN | {"unevaluatedProperties": _left_to_server})
_NO_FORMATS = FormatChecker(formats=())


def _dialect(schema: Any, schema_json: bytes) -> Any:
    """2020-12 unless the schema says that it is older, as those of many TypeScript servers do."""
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(named, str) and "/draft-0" in named:
        return _DRAFT7
    return _WITHOUT_UNEVALUATED if b'"patternProperties"' in schema_json else _LATEST


@lru_cache(maxsize=2048)
def _compiled(schema_json: bytes) -> Any:
    """A validator for the schema; what it raises is not cached: ServerMisbehaved where it is none, _TooCostlyError."""
    if len(schema_json) > MAX_SCHEMA_BYTES:
        raise ServerMisbehaved(f"A tool's schema has {len(schema_json)} bytes; the limit is {MAX_SCHEMA_BYTES}.")
    schema = orjson.loads(schema_json)
    kind = _dialect(schema, schema_json)
    try:
        kind.check_schema(schema, format_checker=_NO_FORMATS)
    except (SchemaError, RecursionError) as error:
        message = getattr(error, "message", "it is too complicated")
        raise ServerMisbehaved(f"A tool's schema is not valid: {message[:300]}") from error
    # An empty registry: a reference out of the document is an error, never a request.
    return kind(schema, registry=Registry())


_FOUND_VALID: set[bytes] = set()
_MOST_VALID = 2048


class _Budget:
    """Gives the checks inside a budget of steps."""

    def __init__(self, steps: int) -> None:
        self._left = [steps]

    def __enter__(self) -> None:
        self._token = _steps.set(self._left)

    def __exit__(self, *_: object) -> None:
        _steps.reset(self._token)


def _complaint(schema_json: bytes, value: Any, *, compiling: int, checking: int) -> ValidationError | None:
    """The first complaint within these budgets of steps. Raises ServerMisbehaved, _TooCostlyError."""
    with _Budget(compiling):
        validator = _compiled(schema_json)
    if len(_FOUND_VALID) >= _MOST_VALID:
        _FOUND_VALID.clear()
    _FOUND_VALID.add(schema_json)
    if surely_fits(schema_json, value):
        return None
    with _Budget(checking):
        try:
            error: ValidationError | None = next(validator.iter_errors(value), None)
            return error if error is None else best_match([error])
        except Unresolvable as missing:
            raise ServerMisbehaved(f"A tool's schema refers to what it does not hold: {missing}") from missing
        except RecursionError as deep:
            raise ServerMisbehaved("A tool's schema is nested too deeply.") from deep
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as broken:
            # A schema whose keywords hold the wrong types can pass the metaschema by way of references.
            raise ServerMisbehaved(f"A tool's schema cannot be applied: {broken}") from broken


def _fits_at_once(schema_json: bytes, value: Any) -> bool:
    """Whether a small value fits a plain schema that is known; False says nothing."""
    known = schema_json in _FOUND_VALID and len(orjson.dumps(value)) + len(schema_json) < _SMALL_BYTES
    return known and surely_fits(schema_json, value)


async def _check(schema_json: bytes, value: Any) -> ValidationError | None:
    """Check here and now what is quickly done; the rest in a thread, so that the event loop goes on."""
    size = len(orjson.dumps(value))
    if size + len(schema_json) < _SMALL_BYTES:
        with suppress(_TooCostlyError):
            return _complaint(schema_json, value, compiling=_STEPS_AT_ONCE, checking=_STEPS_AT_ONCE)
    # What honest schemas take grows with them and with the value, not with the ways through them.
    steps = min(_STEPS_AT_LEAST + 4 * size + len(schema_json) // 16, 20 * MAX_STEPS)
    try:
        return await asyncio.to_thread(_complaint, schema_json, value, compiling=MAX_STEPS, checking=steps)
    except _TooCostlyError as costly:
        raise ServerMisbehaved("A tool's schema takes too many steps to check.") from costly


async def check_arguments(tool: ToolInfo, arguments: dict[str, Any]) -> None:
    """InvalidInput with ``arguments.<path>`` when the arguments do not fit the tool's schema."""
    schema = _schema_bytes(tool, output=False)
    try:
        if schema is None or _fits_at_once(schema, arguments):
            return
        error = await _check(schema, arguments)
    except orjson.JSONEncodeError as unwritable:
        raise InvalidInput(f"The arguments cannot be written as JSON: {unwritable}", field="arguments") from unwritable
    if error is not None:
        raise _invalid(error)


async def check_structured(tool: ToolInfo, structured: Any) -> None:
    """ServerMisbehaved when a tool's structured answer does not fit the schema it declared."""
    schema = _schema_bytes(tool, output=True)
    if schema is None:
        return
    if structured is None:
        raise ServerMisbehaved(f"Tool {tool.name!r} declares an output schema and answered without structured content.")
    if _fits_at_once(schema, structured):
        return
    error = await _check(schema, structured)
    if error is not None:
        place = ".".join(["structuredContent", *(str(part) for part in error.absolute_path)])
        raise ServerMisbehaved(f"Tool {tool.name!r} lies about its output schema: {place}: {error.message[:300]}")


def _schema_bytes(tool: ToolInfo, *, output: bool) -> bytes | None:
    try:
        return tool.output_schema_json if output else tool.input_schema_json
    except (orjson.JSONEncodeError, TypeError) as error:
        raise ServerMisbehaved(f"The schema of tool {tool.name!r} is nested too deeply.") from error


def _invalid(error: ValidationError) -> OrchestratorError:
    parts = [str(part) for part in error.absolute_path]
    if error.validator == "required" and isinstance(error.instance, dict):
        wanted = error.validator_value if isinstance(error.validator_value, list) else []
        parts += [name for name in wanted if name not in error.instance][:1]
    path = ".".join(["arguments", *parts])[:300]
    return InvalidInput(f"{path}: {error.message[:300]}", field=path)
