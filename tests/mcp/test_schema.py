"""Schemas that strangers wrote: right answers for honest ones, quick refusals for hostile ones."""

import asyncio
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from orchestrator.core.errors import InvalidInput, OrchestratorError, ServerMisbehaved
from orchestrator.mcp.patterns import glob_matcher, linear_matcher
from orchestrator.mcp.plain_schema import surely_fits
from orchestrator.mcp.result import ToolInfo
from orchestrator.mcp.schema import check_arguments, check_structured

# Two to the power of forty ways through forty definitions.
_FORKS = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}


async def _refusal(schema: dict[str, Any], arguments: dict[str, Any]) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        await check_arguments(ToolInfo("t", input_schema=schema), arguments)
    return caught.value


@pytest.mark.parametrize(
    ("schema", "arguments", "field"),
    [
        ({"required": ["a"]}, {}, "arguments.a"),
        ({"properties": {"a": {"type": "integer"}}}, {"a": "x"}, "arguments.a"),
        ({"properties": {"a": {"items": {"type": "string"}}}}, {"a": ["x", 1]}, "arguments.a.1"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, "arguments.b"),
        ({"properties": {"a": {"pattern": "^x+$"}}}, {"a": "y"}, "arguments.a"),
        ({"patternProperties": {"^n_": {"type": "integer"}}}, {"n_a": "x"}, "arguments.n_a"),
        ({"properties": {"a": {"uniqueItems": True}}}, {"a": [1, 1]}, "arguments.a"),
        ({"$ref": "#/$defs/T", "$defs": {"T": {"required": ["z"]}}}, {}, "arguments.z"),
    ],
)
async def test_the_field_at_fault_is_named(schema: dict[str, Any], arguments: dict[str, Any], field: str) -> None:
    error = await _refusal({"type": "object"} | schema, arguments)
    assert isinstance(error, InvalidInput)
    assert error.field == field


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/missing"},
        {"type": 12},
        {"properties": {"a": {"items": "no schema"}}},
        {
            "$ref": "#/$defs/a0",
            "$defs": _FORKS | {"a40": False},
        },
        {"description": "x" * 2_000_000},
    ],
    ids=range(9),
)
async def test_a_hostile_schema_is_misbehaviour_at_once(schema: dict[str, Any]) -> None:
    began = time.monotonic()
    assert isinstance(await _refusal(schema, {"a": [1]}), ServerMisbehaved)
    assert time.monotonic() - began < 5


async def test_the_event_loop_goes_on_while_a_hostile_schema_is_looked_at() -> None:
    schema = {"$ref": "#/$defs/a0", "$defs": _FORKS | {"a40": False}}
    checking = asyncio.create_task(_refusal(schema, {"a": [1]}))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    assert isinstance(checking.result(), ServerMisbehaved)
    assert turns > 10


async def test_a_catastrophic_pattern_costs_nothing() -> None:
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}}, "patternProperties": {"(x+x+)+y": {"type": "string"}}}
    began = time.monotonic()
    await _refusal(schema, {"a": "a" * 50_000 + "b", "x" * 50_000: 1})
    assert time.monotonic() - began < 2


async def test_an_older_dialect_is_understood() -> None:
    pair = {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"pair": pair}}
    await check_arguments(ToolInfo("t", input_schema=schema), {"pair": [1, "x"]})
    assert (await _refusal(schema, {"pair": ["x", 1]})).field == "arguments.pair.0"


async def test_large_honest_arguments_pass() -> None:
    row = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]}
    schema = {"properties": {"rows": {"type": "array", "items": row}}}
    await check_arguments(ToolInfo("t", input_schema=schema), {"rows": [{"a": 1, "b": "x"}] * 20_000})


async def test_arguments_that_are_no_json_are_refused() -> None:
    assert (await _refusal({}, {"a": object()})).field == "arguments"
    assert (await _refusal({}, {"a": "\ud800"})).field == "arguments"


async def test_a_declared_output_must_come() -> None:
    tool = ToolInfo("t", output_schema={"type": "object"})
    await check_structured(tool, {})
    with pytest.raises(ServerMisbehaved):
        await check_structured(tool, None)


_scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3)
_names = st.text("ab", max_size=2)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3), max_leaves=6
)
_leaf_schemas = st.sampled_from(
    [{}, {"type": "string"}, {"type": "integer"}, {"minLength": 1}, {"enum": [1, "a"]}, {"pattern": "a"}]
)
_schemas = st.sampled_from(
    [
        {},
        {"type": "string"},
        {"type": "integer"},
        {"minLength": 1},
        {"enum": [1, "a"]},
        {"pattern": "a"},
        {"uniqueItems": True},
    ]
)
_schemas = st.recursive(
    _leaf_schemas,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
            "additionalProperties": inner | st.booleans(),
            "patternProperties": st.dictionaries(st.sampled_from(["a", "^b"]), inner, max_size=2),
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=5,
)


@given(schema=_schemas, value=st.dictionaries(st.text("ab", max_size=2), _values, max_size=3))
async def test_verdicts_are_those_of_the_library(schema: dict[str, Any], value: dict[str, Any]) -> None:
    expected = Draft202012Validator(schema).is_valid(value)
    try:
        await check_arguments(ToolInfo("t", input_schema=schema), value)
    except InvalidInput:
        assert not expected
    else:
        assert expected


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("*.py", "a/b.py", True),
        ("*.py", "b.pyc", False),
        ("src/*.py", "src/a/b.py", False),
        ("src/**/*.py", "src/a/b.py", True),
        ("src/**/*.py", "src/b.py", True),
        ("test_?.[ch]", "x/test_1.c", True),
        ("[!a].txt", "a.txt", False),
        ("a[", "a[", True),
    ],
)
def test_globs_match_as_people_expect(glob: str, path: str, fits: bool) -> None:
    matches = glob_matcher(glob)
    assert matches is not None
    assert matches(path) is fits


def test_patterns_the_linear_engine_lacks_are_not_offered() -> None:
    assert linear_matcher("(?=a)b") is None
    assert linear_matcher("(") is None


_LEAVES = st.sampled_from(
    [
        *({"type": "string", "maxLength": 2}, {"type": ["integer", "null"], "minimum": 0}, {"enum": ["a", 1, None]}),
        *({}, {"const": 1}, {"type": "number", "exclusiveMaximum": 2.5}, {"type": "boolean"}),
    ]
)
_PLAIN_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2)},
            optional={
                "type": st.just("object"),
                "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
                "additionalProperties": st.one_of(st.booleans(), inner),
                "$schema": st.sampled_from(["http://json-schema.org/draft-07/schema#", "https://example.org/other"]),
            },
        ),
        st.fixed_dictionaries({"items": inner}, optional={"maxItems": st.integers(0, 2)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=2), "not": inner}),
    ),
    max_leaves=6,
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-1, 3), st.floats(-3, 3), st.sampled_from("abcde")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)),
    max_leaves=6,
)


@given(_PLAIN_SCHEMAS, _JSON)
def test_the_quick_yes_is_the_yes_of_the_whole_check(schema: dict[str, Any], value: Any) -> None:
    draft = Draft7Validator if "draft-07" in str(schema.get("$schema")) else Draft202012Validator
    assert surely_fits(orjson.dumps(schema), value) == draft(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"pattern": "^(a+)+$"},
        {"properties": {"a": {"uniqueItems": True}}},
        {"items": [{"$ref": "#"}], "$schema": "http://json-schema.org/draft-07/schema#"},
        {"x-unknown": 1},
        {"anyOf": [{"items": {}}] * 3000},
    ],
    ids=range(6),
)
def test_what_may_cost_more_than_it_looks_gets_no_quick_yes(schema: dict[str, Any]) -> None:
    assert not surely_fits(orjson.dumps(schema), {})
