"""Read TOML, JSON, YAML and XML of strangers within bounds. Used by the readers of manifests.

Every parser is a kept library; what is refused here (aliases, document types, deep nesting) could grow without bound.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import orjson
import yaml
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from orchestrator.kg.facts import NotExtractedError

_MAX_DEPTH = 100
_MAX_EVENTS = 1_000_000


class BadManifestError(NotExtractedError):
    """A manifest that does not read, or would not end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def toml(source: bytes) -> Mapping[str, Any]:
    """A TOML document. Raises BadManifestError."""
    try:
        return tomllib.loads(source.decode())
    except RecursionError as error:
        raise BadManifestError("nested too deeply") from error
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise BadManifestError("not TOML") from error


def json(source: bytes) -> Mapping[str, Any]:
    """A JSON object. Raises BadManifestError."""
    try:
        return table(orjson.loads(source))
    except orjson.JSONDecodeError as error:
        raise BadManifestError("not JSON") from error


def yaml_document(source: bytes) -> Mapping[str, Any]:
    """A YAML mapping whose scalars are all text, without aliases. Raises BadManifestError.

    An alias can stand for more than any memory holds, and a number for more than any time.
    """
    depth = 0
    try:
        for count, event in enumerate(yaml.parse(source, Loader=yaml.CBaseLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise BadManifestError("YAML with aliases")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH or count > _MAX_EVENTS:
                raise BadManifestError("nested too deeply")
        return table(yaml.load(source, Loader=yaml.CBaseLoader))  # noqa: S506 - it makes lists, tables and text only
    except (yaml.YAMLError, ValueError) as error:
        raise BadManifestError("not YAML") from error


def xml(source: bytes) -> Element:
    """The root of an XML document without a document type. Raises BadManifestError."""
    try:
        root: Element = fromstring(source, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadManifestError("XML with a document type") from error
    except (ParseError, ValueError) as error:
        raise BadManifestError("not XML") from error
    return root


def table(value: object) -> Mapping[str, Any]:
    """A value where it is a table; an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Any]:
    """A value where it is a list; an empty one where it is something else."""
    return value if isinstance(value, list) else []


def string(value: object) -> str:
    """A value where it is text; "" where it is something else."""
    return value if isinstance(value, str) else ""


def lines(source: bytes) -> int:
    """How many lines a text has."""
    return source.count(b"\n") + (not source.endswith(b"\n") and bool(source))


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def child_text(element: Element, name: str) -> str:
    """The text of the first child of a name."""
    return next(((child.text or "").strip() for child in element if local_name(child) == name), "")


def below(element: Element, *names: str) -> Iterator[Element]:
    """Elements at the end of a path of names, each a child of the one before."""
    if not names:
        yield element
        return
    for child in element:
        if local_name(child) == names[0]:
            yield from below(child, *names[1:])
