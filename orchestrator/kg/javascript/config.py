"""Facts of the files that say what module names mean: tsconfig.json, jsconfig.json and package.json.

Used by the table of languages; the JavaScript linker reads what is kept in ``program``. What cannot be read says
nothing.
"""

import re
from typing import Any

import orjson

from orchestrator.kg.facts import FileFacts

_COMMENT = re.compile(rb'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(rb'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')
_PACKAGE_FIELDS = ("name", "main", "module", "source", "types", "exports", "imports")


def extract_config(source: bytes) -> FileFacts:
    """What a configuration file says about modules, as JSON in ``program``."""
    plain = _COMMENT.sub(lambda found: found[0] if found[0].startswith(b'"') else b" ", source)
    plain = _TRAILING.sub(lambda found: found[1] or b"", plain)
    problems: tuple[int, ...] = ()
    kept: dict[str, Any] = {}
    try:
        read = orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        read, problems = {}, (error.lineno,)
    if isinstance(read, dict):
        options = read.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        kept = {name: read[name] for name in _PACKAGE_FIELDS if name in read}
        kept |= {name: options[name] for name in ("baseUrl", "paths") if name in options}
        if isinstance(read.get("extends"), str):
            kept["extends"] = read["extends"]
        if not isinstance(kept.get("paths", {}), dict):
            del kept["paths"]
    return FileFacts(
        lines=source.count(b"\n") + (not source.endswith(b"\n") and bool(source)),
        definitions=(), bindings=(), attributes=(), calls=(), references=(), imports=(), exports=None,
        problems=problems, program=orjson.dumps(kept).decode(),
    )  # fmt: skip
