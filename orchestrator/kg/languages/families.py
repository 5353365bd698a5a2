"""The scoping rules of each family of languages, and their linkers. Used by the table of languages.

Languages of one family see each other's definitions: C and C++ share theirs.
"""

import re
from collections.abc import Collection, Mapping
from posixpath import dirname, join, normpath

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.languages.links import Linker
from orchestrator.kg.languages.scoping import Places, Scoping, unnamed

_GO_BUILTINS = """
append cap clear close complex copy delete imag len make max min new panic print println real recover any bool byte
complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64
uintptr
"""
_JAVA_LANG = """
AssertionError Boolean Byte Character CharSequence Class ClassCastException ClassLoader Comparable Double Enum Error
Exception Float IllegalArgumentException IllegalStateException IndexOutOfBoundsException Integer Iterable Long Math
NullPointerException Number NumberFormatException Object Override Process Runnable Runtime RuntimeException Short String
StringBuffer StringBuilder System Thread ThreadLocal Throwable UnsupportedOperationException Void
"""
_RUST_STD = """
boxed.Box option.Option result.Result string.String vec.Vec default.Default convert.From convert.Into iter.Iterator
clone.Clone
"""
_C_WORDS = """
static_cast reinterpret_cast dynamic_cast const_cast sizeof alignof typeid decltype defined int char float double bool
long short unsigned size_t
"""
_RUBY_KERNEL = """
require require_relative load puts print p raise loop lambda proc attr_reader attr_writer attr_accessor include extend
prepend private public protected module_function alias_method define_method catch throw format sprintf printf rand srand
sleep exit abort at_exit binding block_given? caller gets Integer Float String Array Hash Rational Complex freeze
autoload
private_constant private_class_method public_send send warn fail
"""


def _go_namespace(path: str, package: str, places: Places) -> str:
    """The import path of the package: the module's, and the folders below it."""
    folder, suffix = dirname(path), "_test" if package.endswith("_test") else ""
    root = places.root_of(path, "go.mod")
    if root is None:
        return (folder or package) + suffix
    below = folder[len(root[0]) :].strip("/")
    return (f"{root[1]}/{below}" if below else root[1]) + suffix


def _crate(path: str, places: Places) -> tuple[str, list[str]]:
    """The crate a Rust file belongs to, and its place in it."""
    root = places.root_of(path, "Cargo.toml")
    folder, name = root if root is not None else ("", "crate")
    below = path[len(folder) :].strip("/").removesuffix(".rs").split("/")
    name = name.replace("-", "_")
    if below[0] == "src" and below[1:2] != ["bin"]:
        return name, below[1:]
    # Tests, examples and programs are crates of their own.
    start = 2 if below[0] == "src" else 1
    own = "/".join([name, *below[: start + 1]])
    return own, below[start + 1 :]


def _rust_namespace(path: str, _package: str, places: Places) -> str:
    crate, below = _crate(path, places)
    if below and below[-1] in ("lib", "main", "mod"):
        below = below[:-1]
    return ".".join([crate, *below])


def _rust_words(namespace: str, inner: str) -> Mapping[str, str]:
    here = inner or namespace
    return {"crate": namespace.partition(".")[0], "self": here, "super": here.rpartition(".")[0]}


def _included(module: str, path: str, places: Places) -> list[str]:
    """What ``#include`` means: beside the file, or the one file of the tree whose path ends so."""
    written = module.strip('"<>')
    return _by_path(written, path, places, beside=module.startswith('"'))


def _required(module: str, path: str, places: Places) -> list[str]:
    """What ``require`` means: relative, or below some folder of libraries."""
    written = module if module.endswith(".rb") else f"{module}.rb"
    return _by_path(written.removeprefix("./"), path, places, beside=module.startswith("./"))


def _php_required(module: str, path: str, places: Places) -> list[str]:
    return _by_path(module.removeprefix("./"), path, places, beside=True) if module.startswith("./") else []


def _by_path(written: str, path: str, places: Places, *, beside: bool) -> list[str]:
    if beside:
        near = normpath(join(dirname(path), written))
        if near in places.everything:
            return [near]
    ending = "/" + written.lstrip("./")
    known = places.by_file_name.get(written.rpartition("/")[2], ())
    found = [one for one in known if f"/{one}".endswith(ending)]
    return found if len(found) == 1 else _nearest(found, path)


def _nearest(paths: list[str], path: str) -> list[str]:
    """The one of several that lies nearest, if one does."""
    parts = path.split("/")
    ranks = [_common(one.split("/"), parts) for one in paths]
    best = [one for one, rank in zip(paths, ranks, strict=True) if rank == max(ranks)]
    return best if len(best) == 1 else []


def _common(one: list[str], other: list[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


GO = Scoping(
    namespace=_go_namespace,
    implicit=False,
    constructor=None,
    calls_type="converts",
    builtins=frozenset(_GO_BUILTINS.split()),
    test_files=re.compile(r"_test\.go$"),
)
JAVA = Scoping(overloads=True, prelude={name: f"java.lang.{name}" for name in _JAVA_LANG.split()})
CSHARP = Scoping(
    outer=True, reopened=True, overloads=True, builtins=frozenset({"nameof", "typeof", "sizeof", "default"})
)
PHP = Scoping(
    implicit=False,
    global_functions=True,
    outside_functions=True,
    builtins=frozenset({"isset", "empty", "unset", "list", "array", "exit", "die", "eval"}),
    constructor="__construct",
    invoked="__invoke",
    inherits_constructor=True,
    fold=str.lower,
    files_of_import=_php_required,
    test_files=re.compile(r"(?i)(^|/)tests?/|tests?\.php$"),
)
RUST = Scoping(
    namespace=_rust_namespace,
    words=_rust_words,
    implicit=False,
    reexports=True,
    constructor=None,
    builtins=frozenset({"Some", "Ok", "Err", "None", "drop"}),
    prelude={name.rpartition(".")[2]: f"std.{name}" for name in _RUST_STD.split()},
)
C = Scoping(
    namespace=unnamed,
    outer=True,
    included=True,
    overloads=True,
    outside_functions=True,
    files_of_import=_included,
    builtins=frozenset(_C_WORDS.split()),
)
RUBY = Scoping(
    namespace=unnamed,
    reopened=True,
    constructor="initialize",
    inherits_constructor=True,
    makers=frozenset({"new"}),
    class_of=frozenset({"class"}),
    calls_type="converts",
    strict_statics=True,
    nested=False,
    blocks=True,
    bare_super="method",
    files_of_import=_required,
    paths=True,
    builtins=frozenset(_RUBY_KERNEL.split()),
    test_files=re.compile(r"(^|/)(test|tests|spec)/|_(test|spec)\.rb$|(^|/)test_[^/]*\.rb$"),
)


def go_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links Go."""
    return Linker(facts, everything, GO)


def java_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links Java."""
    return Linker(facts, everything, JAVA)


def csharp_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links C#."""
    return Linker(facts, everything, CSHARP)


def php_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links PHP."""
    return Linker(facts, everything, PHP)


def rust_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links Rust."""
    return Linker(facts, everything, RUST)


def c_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links C and C++."""
    return Linker(facts, everything, C)


def ruby_linker(facts: Mapping[str, FileFacts], everything: Collection[str]) -> Linker:
    """Links Ruby."""
    return Linker(facts, everything, RUBY)
