"""What a ``server.json`` says of a server beyond what runs it: its full name, its version, what its inputs are for.

Used by the reader, which keeps this with the entry, and by the writer, which says it again: a document that goes in
comes out the same. No value of a header or a variable is kept here, nor the default of a secret.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from orchestrator.core.errors import TooLarge

MAX_BYTES = 64 * 1024
BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")

_NAME = re.compile(r"(?=.{3,200}$)([a-zA-Z0-9.-]+)/([a-zA-Z0-9._-]+)")
_ABOUT = {"title": str, "websiteUrl": str, "repository": dict, "icons": list}
_TEXTS = ("description", "format", "placeholder")
_FLAGS = ("isRequired", "isSecret")


def origin_of(document: Mapping[str, Any], inputs: object) -> dict[str, Any]:
    """What is kept of a document; ``inputs`` are its headers or environment variables. Raises TooLarge."""
    kept: dict[str, Any] = {
        name: document[name] for name, kind in _ABOUT.items() if isinstance(document.get(name), kind)
    }
    if _NAME.fullmatch(str(document.get("name"))):
        kept["name"] = document["name"]
    version = document.get("version")
    if isinstance(version, str) and 0 < len(version) <= 255 and version != "latest":
        kept["version"] = version
    kept["inputs"] = list(_inputs(inputs))
    if len(orjson.dumps(kept)) > MAX_BYTES:
        raise TooLarge(
            f"Descriptions, links and icons of a server take at most {MAX_BYTES} bytes.", field="server.json"
        )
    return kept


def entry_name(name: str) -> str:
    """The name of the entry that a document with this name makes."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name.rpartition("/")[2])[:100] or "server"


def full_name(origin: Mapping[str, Any], name: str, namespace: str | None, usual: str) -> str:
    """The document's name for an entry: the one it came with, as far as the entry is still called so."""
    came = str(origin.get("name") or "")
    space, _, last = came.rpartition("/")
    own = last if last and entry_name(came) == name else re.sub(r"[^A-Za-z0-9._-]", "-", name)
    return f"{namespace or space or usual}/{own}"


def about(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What else the document said of the server."""
    return {name: origin[name] for name in _ABOUT if name in origin}


def described(origin: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each input's name with what was said of it, or None where nothing was that still holds.

    Those the document had come first, also one without a value that nobody has to give.
    """
    known = {one["name"]: one for one in origin.get("inputs") or ()}
    for name, one in known.items():
        value = values.get(name)
        if value is None and one.get("isRequired"):
            continue  # taken out of the entry
        yield name, dict(one) if value is None or _made_of(one, value) else None
    for name in values:
        if name not in known:
            yield name, None


def _inputs(inputs: object) -> Iterator[dict[str, Any]]:
    for raw in inputs if isinstance(inputs, list) else ():
        if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
            continue
        kept = {"name": raw["name"]} | _told(raw)
        if isinstance(fixed := raw.get("value"), str):
            variables = raw.get("variables") if isinstance(raw.get("variables"), Mapping) else {}
            used = [name for name in BRACES.findall(fixed) if isinstance(variables.get(name), Mapping)]  # type: ignore[union-attr]
            if used:
                kept |= {"value": fixed, "variables": {name: _told(variables[name]) for name in used}}  # type: ignore[index]
            else:
                kept |= dict.fromkeys(_FLAGS, True)  # the value is not written again: who reads it has to give one
        yield kept


def _told(raw: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {name: raw[name] for name in _TEXTS if isinstance(raw.get(name), str)}
    told |= {name: raw[name] for name in _FLAGS if isinstance(raw.get(name), bool)}
    choices = raw.get("choices")
    if isinstance(choices, list) and all(isinstance(one, str) for one in choices):
        told["choices"] = choices
    if isinstance(raw.get("default"), str) and not raw.get("isSecret"):
        told["default"] = raw["default"]
    return told


def _made_of(told: Mapping[str, Any], value: str) -> bool:
    """Whether a value can have come from the text with variables that was told, if one was."""
    text = told.get("value")
    if not isinstance(text, str):
        return True
    first, *between = re.split(BRACES.pattern.replace("(", "(?:", 1), text)
    if not value.startswith(first) or not value.endswith(between[-1] if between else first):
        return False
    at = len(first)
    for part in between:
        found = value.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True
