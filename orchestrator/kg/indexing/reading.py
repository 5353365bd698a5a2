"""From paths to contents: files read, and facts extracted or taken from those known. Used by build and updates."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from orchestrator.kg.facts import FileFacts, NotExtractedError, Skipped, SourceFile
from orchestrator.kg.indexing.files import Read, read_files
from orchestrator.kg.indexing.languages import BY_NAME
from orchestrator.kg.indexing.side_by_side import Work
from orchestrator.kg.indexing.tree_state import Content

Found = tuple[str, Content, bool]
Reading = Work[Sequence[str], list[Found]]
_PIECE = 16
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Found])


def facts_key(file: SourceFile) -> str:
    """What facts are kept by: the same text means something else in another language, or to a newer extractor."""
    return f"{file.language}:{BY_NAME[file.language].version}:{file.blob}"


def facts_by_key(contents: Mapping[str, Content]) -> dict[str, FileFacts]:
    """All facts of a tree as they are kept."""
    return {
        facts_key(one.file): one.facts for one in contents.values() if one.file is not None and one.facts is not None
    }


def reading(root: Path, paths: Sequence[str], known: Mapping[str, FileFacts]) -> Reading:
    """``read_contents`` as pieces of work."""
    pieces = [paths[at : at + _PIECE] for at in range(0, len(paths), _PIECE)]
    return Work(pieces, lambda piece: list(read_contents(root, piece, known)), _ENCODER.encode, _DECODER.decode)


def read_contents(root: Path, paths: Sequence[str], known: Mapping[str, FileFacts]) -> Iterator[Found]:
    """Each path with its content, and whether it had to be parsed: its facts were not among those known."""
    for path, read in zip(paths, read_files(root, paths), strict=True):
        yield path, *_content(read, known)


def _content(read: Read | Skipped, known: Mapping[str, FileFacts]) -> tuple[Content, bool]:
    if isinstance(read, Skipped):
        return Content(None, None, read), False
    if read.text is None:
        return Content(read.file, None, read.skipped), False
    facts = known.get(facts_key(read.file))
    if facts is not None:
        return Content(read.file, facts, read.skipped), False
    try:
        return Content(read.file, BY_NAME[read.file.language].extract(read.text), read.skipped), True
    except NotExtractedError as error:
        return Content(read.file, None, Skipped(read.file.path, error.reason)), False
