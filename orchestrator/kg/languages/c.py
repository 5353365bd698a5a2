"""C, as the extractor needs it: one namespace, headers promise what other files define, static is internal."""

import re

import tree_sitter_c
from tree_sitter import Language, Node

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.languages.cpp import extract as extract_cpp
from orchestrator.kg.languages.declarators import (
    declaration,
    endless,
    function_name,
    has_body,
    include,
    parameter_names,
    parameters_of,
    struct_name,
    typedef,
)
from orchestrator.kg.languages.extract import extractor
from orchestrator.kg.languages.grammar import Calls, Define, Grammar, Parameter, Visible, field_of, text

_CPP = re.compile(
    rb"^[ \t]*(?:class\s+\w|namespace\b|template\s*<|using\s+\w|(?:public|private|protected)\s*:)|\w::\w", re.M
)
_SNIFFED = 256 * 1024


def is_static(node: Node) -> bool:
    """Whether a function is known in its file only."""
    return any(child.type == "storage_class_specifier" and text(child) == "static" for child in node.named_children)


def _visible(node: Node, _name: str, _kind: str, _access: str) -> Visible:
    return "internal" if is_static(node) else "public"


_STRUCT = Define("class", name=struct_name, when=has_body)

GRAMMAR = Grammar(
    language=Language(tree_sitter_c.language()),
    definitions={
        "function_definition": Define(
            "function",
            name=lambda node: text(function_name(node)),
            parameters=parameters_of,
            result=field_of("type"),
            static=is_static,
        ),
        "preproc_function_def": Define("function", parameters=field_of("parameters")),
        "struct_specifier": _STRUCT,
        "union_specifier": _STRUCT,
        "enum_specifier": _STRUCT,
    },
    calls={"call_expression": Calls(function=field_of("function"))},
    members={"field_expression": (field_of("argument"), field_of("field"))},
    names=frozenset({"identifier", "type_identifier"}),
    through={
        "parenthesized_expression": lambda node: node.named_children[0] if node.named_child_count else None,
        "pointer_expression": field_of("argument"),
    },
    instances={"cast_expression": field_of("type")},
    parameters={
        "parameter_declaration": Parameter(names=parameter_names),
        "variadic_parameter": Parameter(names=lambda _: [], variadic=True),
        "identifier": Parameter(names=lambda node: [node]),
    },
    handlers={
        "declaration": lambda node, sink: declaration(node, sink, constructing=False),
        "field_declaration": lambda node, sink: declaration(node, sink, constructing=False),
        "preproc_include": include,
        "type_definition": typedef,
    },
    visibility=_visible,
    endless=endless,
    environment=frozenset({"getenv", "secure_getenv"}),
    leaves=frozenset({"string_literal", "preproc_arg"}),
    test=lambda name, _: name.startswith("test_"),
)
_extract_c = extractor(GRAMMAR)


def extract(source: bytes) -> FileFacts:
    """The facts of a C file, or of a header of either language: the text tells which."""
    return extract_cpp(source) if _CPP.search(source[:_SNIFFED]) else _extract_c(source)
