"""Facts about source files: what extraction finds in one file alone, and what resolution adds across files.

Extraction makes ``FileFacts`` from bytes, so they depend on content only, not on path, and are cached by content.
Resolution makes ``Edge`` and friends. Triples are made from both; nothing here knows RDF, a parser or a store.

Expressions are short strings: a head, then steps. Heads are a name, ``?`` (cannot be followed), ``@`` plus a builtin
type for literals (``@str``) or a short constant (``@'key'``, ``@1``), ``@None``, ``super()``, ``$n`` (definition n of
the file, before decoration) and ``#n`` (compound n). Steps are ``.name``, ``(arguments)`` and ``[key]``; the key is an
expression, ``*`` for what iterating gives, ``n:`` for a slice, or nothing where unknown. Arguments are separated by
commas (``x,?,name=y,*more``) and left out where none can matter. Example: ``self.pool.get(key=name)[@0].run``.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

DefinitionKind = Literal["module", "class", "function"]
BindingKind = Literal["def", "import", "from", "value", "type", "self", "cls", "parameter", "unknown"]
CompoundKind = Literal["list", "tuple", "dict", "each", "any"]
Certainty = Literal["calls", "mayCall"]
Visibility = Literal["", "public", "internal"]


class NotExtractedError(Exception):
    """An extractor gave a file up; ``reason`` is shown among what a build skipped."""

    reason = "could not be read"


class Definition(NamedTuple):
    """A module (index 0), class or function. ``parent`` is the index of the scope it stands in.

    ``parameters`` are written like arguments (``self,a,b=default,*rest,**named``), ``/`` and ``*`` as in the language.
    ``decorated`` is the expression that the name is bound to when decorators stand before the definition.
    """

    kind: DefinitionKind
    name: str
    parent: int
    start_line: int
    end_line: int
    signature: str = ""
    doc: str = ""
    decorators: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    least_args: int = 0
    most_args: int = -1
    returns: tuple[str, ...] = ()
    returns_type: str = ""
    has_yield: bool = False
    yields: tuple[str, ...] = ()
    parameters: str = ""
    decorated: str = ""
    owner: str = ""
    visibility: Visibility = ""


class Binding(NamedTuple):
    """A name bound in a scope. ``conditional``: below an if, loop, try, with or match, so it may not have happened."""

    scope: int
    name: str
    kind: BindingKind
    value: str
    line: int
    conditional: bool


class AttributeBinding(NamedTuple):
    """``self.name = value`` in a method: ``owner`` is the class, ``scope`` the method the value is read in."""

    owner: int
    scope: int
    name: str
    kind: BindingKind
    value: str
    line: int


class Call(NamedTuple):
    """A call site in a scope. ``args`` counts positional and keyword arguments, -1 when splatted; ``passed`` are they.

    ``implicit``: not written as a call (``for``, ``with``, ``raise``); a callee that ends in ``[*]`` is iterated over.
    """

    scope: int
    callee: str
    line: int
    args: int
    decorator: bool = False
    passed: str = ""
    implicit: bool = False


class Compound(NamedTuple):
    """A container written in a scope, or alternatives (``any``: a condition, ``or``). ``each``: all elements alike.

    ``parts`` are expressions, by turns key and value for ``dict`` (key ``**``: all of another one), and left out where
    none can matter.
    """

    scope: int
    kind: CompoundKind
    parts: tuple[str, ...]
    line: int


class Store(NamedTuple):
    """``base[key] = value``; ``base.name = value`` (key ``.name``) where the base is not the method's own instance.

    Key ``+`` is an element added somewhere, ``**`` all elements of the value. ``conditional`` as in ``Binding``.
    """

    scope: int
    base: str
    key: str
    value: str
    line: int
    conditional: bool = False


class Reference(NamedTuple):
    """A name or attribute handed on as a value: it may be called later by somebody else."""

    scope: int
    value: str
    line: int


class ConfigRead(NamedTuple):
    """A configuration key that a scope reads; ``origin`` is ``env`` or ``settings``."""

    scope: int
    key: str
    origin: str
    line: int


class ImportFact(NamedTuple):
    """A module named by an import: dots for relative ones kept. ``star`` for ``from m import *``."""

    scope: int
    module: str
    name: str
    line: int
    star: bool


@dataclass(frozen=True, slots=True)
class FileFacts:
    """All that one file says by itself. ``problems`` are lines where the parser had to skip something.

    ``program`` is what a language keeps for its own linker, as text: nobody else reads it.
    """

    lines: int
    definitions: tuple[Definition, ...]
    bindings: tuple[Binding, ...]
    attributes: tuple[AttributeBinding, ...]
    calls: tuple[Call, ...]
    references: tuple[Reference, ...]
    imports: tuple[ImportFact, ...]
    exports: tuple[str, ...] | None
    problems: tuple[int, ...]
    program: str = ""
    compounds: tuple[Compound, ...] = ()
    stores: tuple[Store, ...] = ()
    config: tuple[ConfigRead, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the tree: path from the root, git blob id, size, and its language if we read it."""

    path: str
    blob: str
    size: int
    language: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a part of one, that is not in the graph, and why."""

    path: str
    reason: str
    detail: str = ""


class SymbolRef(NamedTuple):
    """A definition somewhere in the project: the path of its file and its index in it; path "" means outside."""

    path: str
    at: int
    external: str = ""


class Edge(NamedTuple):
    """A call site with its targets. One target for ``calls``; up to eight candidates for ``mayCall``.

    ``made``: the class of which the call makes an instance; the target is then the ``__init__`` that runs, if ours.
    """

    scope: int
    certainty: Certainty
    targets: tuple[SymbolRef, ...]
    rule: str
    line: int
    name: str
    made: SymbolRef | None = None


class Dependency(NamedTuple):
    """A package that a manifest asks for, or a lock file fixes; "" where the file does not say.

    ``ecosystem`` is the type of a package URL (``pypi``, ``npm``); ``constraint`` as written, ``locked`` one version.
    """

    ecosystem: str
    name: str
    constraint: str
    locked: str
    scope: str
    package_url: str


@dataclass(frozen=True, slots=True)
class FileLinks:
    """What resolution adds to one file; every link starts in this file.

    ``prefix``: what the names of its definitions start with, where that is not the module's name. ``members``: methods
    that stand outside of their class, perhaps in another file than it. ``dependencies``: what a manifest declares.
    """

    module_name: str
    edges: tuple[Edge, ...]
    unresolved: tuple[tuple[int, str], ...]
    unresolved_sites: tuple[tuple[int, int], ...]
    references: tuple[tuple[int, SymbolRef], ...]
    imports: tuple[tuple[int, SymbolRef], ...]
    extends: tuple[tuple[int, SymbolRef], ...]
    overrides: tuple[tuple[int, SymbolRef], ...]
    decorated: tuple[tuple[int, SymbolRef], ...]
    tests: frozenset[int]
    prefix: str | None = None
    members: tuple[tuple[int, SymbolRef], ...] = ()
    dependencies: tuple[Dependency, ...] = ()


def local_names(facts: FileFacts) -> list[str]:
    """A unique name per definition inside its file; a name defined again gets ``~2``, in source order."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for definition in facts.definitions:
        parent = names[definition.parent] if definition.parent > 0 else ""
        name = ".".join(filter(None, (parent, definition.owner, definition.name)))
        if name:
            seen[name] = seen.get(name, 0) + 1
        names.append(f"{name}~{seen[name]}" if name and seen[name] > 1 else name)
    return names
