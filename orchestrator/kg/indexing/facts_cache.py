"""Keeps extracted facts between builds, so that unchanged files are not parsed again.

A cache only: one that is missing, of another shape or damaged counts as empty, and everything is parsed anew. The shape
of facts is checked while reading; a change of their meaning raises the version of their language.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from orchestrator.kg.facts import FileFacts

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(dict[str, FileFacts])


def save_facts(path: Path, facts: Mapping[str, FileFacts]) -> None:
    """Write facts by key; a key names the content, its language and the version of the extractor."""
    path.write_bytes(_ENCODER.encode(facts))


def load_facts(path: Path) -> dict[str, FileFacts]:
    """Facts by key; empty where there are none to trust."""
    try:
        return _DECODER.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
