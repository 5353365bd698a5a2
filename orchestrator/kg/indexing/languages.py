"""The languages a build reads: how to recognise and decode a file, who extracts its facts, who links them.

One entry of ``LANGUAGES`` plugs a language in; build, updates and the facts cache know languages only from here.
Languages with the same ``linker`` are linked together, so TypeScript sees JavaScript. It parses nothing itself.
"""

import codecs
import fnmatch
import os
import re
from collections.abc import Callable, Collection, Hashable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from orchestrator.kg.dependencies.facts import ManifestLinker
from orchestrator.kg.dependencies.registry import CARGO_TOML, GO_MOD, MANIFESTS, PACKAGE_JSON
from orchestrator.kg.facts import FileFacts, FileLinks, Skipped
from orchestrator.kg.javascript.config import extract_config
from orchestrator.kg.javascript.links import Linker as JavaScriptLinker
from orchestrator.kg.javascript.lowering.extract import extract_javascript, extract_tsx, extract_typescript
from orchestrator.kg.languages import c, cpp, csharp, go, java, php, ruby, rust
from orchestrator.kg.languages.families import (
    c_linker,
    csharp_linker,
    go_linker,
    java_linker,
    php_linker,
    ruby_linker,
    rust_linker,
)
from orchestrator.kg.python.extract import extract as extract_python
from orchestrator.kg.python.links import Linker as PythonLinker
from orchestrator.kg.python.text import python_text
from orchestrator.kg.readers import Readers

Text = tuple[bytes | None, Skipped | None]


class Linker(Protocol):
    """Links the files of one family of languages.

    ``link`` is a function of the facts alone: it must not matter which files were linked before. A linker that can do
    better than being made again after a change is an ``UpdatableLinker``.
    """

    def link(self, path: str) -> FileLinks:
        """The links that start in one file."""
        ...


MakeLinker = Callable[[Mapping[str, FileFacts], Collection[str]], Linker]


@runtime_checkable
class UpdatableLinker(Linker, Protocol):
    """A linker that lives on while files change."""

    @property
    def consulted(self) -> Set[Hashable]:
        """What the last ``link`` read outside of its file, as keys; also what it looked for and did not find."""
        ...

    def update(
        self, changed: Mapping[str, FileFacts | None], everything: Collection[str], readers: Readers
    ) -> set[str]:
        """Take the new facts of files (None: gone, or no longer of this family) and the new set of all paths.

        ``readers`` knows by file what its last ``link`` consulted. Returns the files whose links may differ now, the
        changed ones included: for every other file ``link`` would give what it gave before.
        """
        ...


def utf8_text(path: str, data: bytes) -> Text:
    """The text of a file that must be UTF-8, with or without a byte order mark."""
    plain = data.removeprefix(codecs.BOM_UTF8)
    try:
        plain.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, Skipped(path, "not UTF-8", f"byte {error.start}")
    return plain, None


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    ``extract`` makes facts from UTF-8 text and raises ``facts.NotExtractedError`` with the reason where it cannot
    within bounds. ``linker`` is called with the facts of its family by path and all paths of the tree. ``file_names``
    are patterns of whole file names (``Makefile``, ``requirements*.txt``) and win over suffixes. Files over ``largest``
    bytes are not parsed. Raise ``version`` whenever extraction changes: facts of other versions are then made anew.
    """

    name: str
    suffixes: tuple[str, ...]
    extract: Callable[[bytes], FileFacts]
    linker: MakeLinker
    text: Callable[[str, bytes], Text] = utf8_text
    file_names: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()
    largest: int = 2 * 1024 * 1024
    version: int = 1


LANGUAGES = (
    Language("python", (".py", ".pyw"), extract_python, PythonLinker, python_text, interpreters=("python",), version=5),
    Language(
        "javascript",
        (".js", ".jsx", ".mjs", ".cjs"),
        extract_javascript,
        JavaScriptLinker,
        interpreters=("node", "bun", "deno"),
        version=2,
    ),
    Language("typescript", (".ts", ".mts", ".cts"), extract_typescript, JavaScriptLinker, version=2),
    Language("tsx", (".tsx",), extract_tsx, JavaScriptLinker, version=2),
    Language("tsconfig", (), extract_config, JavaScriptLinker, file_names=("tsconfig*.json", "jsconfig.json")),
    Language(PACKAGE_JSON.name, (), PACKAGE_JSON.extract, JavaScriptLinker, file_names=PACKAGE_JSON.file_names),
    Language("go", (".go",), go.extract, go_linker),
    Language("rust", (".rs",), rust.extract, rust_linker),
    Language("java", (".java",), java.extract, java_linker),
    Language("c", (".c", ".h"), c.extract, c_linker),
    Language("c++", (".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".ipp"), cpp.extract, c_linker, version=2),
    Language("c#", (".cs",), csharp.extract, csharp_linker),
    Language("ruby", (".rb", ".rake", ".gemspec"), ruby.extract, ruby_linker, interpreters=("ruby",)),
    Language("php", (".php",), php.extract, php_linker, interpreters=("php",)),
    Language(GO_MOD.name, (), GO_MOD.extract, go_linker, file_names=GO_MOD.file_names),
    Language(CARGO_TOML.name, (), CARGO_TOML.extract, rust_linker, file_names=CARGO_TOML.file_names),
    *(Language(one.name, (), one.extract, ManifestLinker, file_names=one.file_names) for one in MANIFESTS),
)


def for_one_build(linker: MakeLinker) -> MakeLinker:
    """The linker for a tree that will not change: it may do without noting what it reads."""
    return partial(PythonLinker, recording=False) if linker is PythonLinker else linker


BY_NAME = {language.name: language for language in LANGUAGES}

_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}
_NAMED = [(pattern, language) for language in LANGUAGES for pattern in language.file_names]
_BY_FILE_NAME = {name: language for name, language in reversed(_NAMED) if "*" not in name}
_BY_PATTERN = tuple((re.compile(fnmatch.translate(name)), language) for name, language in _NAMED if "*" in name)
_INTERPRETER = re.compile(rb"#!.*?\b([a-z]+)[0-9.]*\s*(?:\s-.*)?$")


def language_of(path: str, head: bytes) -> Language | None:
    """The language of a file by its name, or by the interpreter its first line names; None if we read none."""
    name = path.rpartition("/")[2]
    named = _BY_FILE_NAME.get(name)
    if named is not None:
        return named
    for pattern, language in _BY_PATTERN:
        if pattern.match(name):
            return language
    known = _BY_SUFFIX.get(os.path.splitext(name)[1])
    if known is not None or "." in name:
        return known
    found = _INTERPRETER.match(head.partition(b"\n")[0].rstrip())
    if found is None:
        return None
    return next((one for one in LANGUAGES if found[1].decode() in one.interpreters), None)
