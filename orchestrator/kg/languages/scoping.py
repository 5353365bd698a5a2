"""How a family of languages gives names their meaning, as data. Used by the linker; the families stand in ``families``.

A namespace is a string key (``com.shop``, ``github.com/me/shop/cart``); what it holds is found below it by name.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


class Places(Protocol):
    """What is known of the tree when files are given their namespace."""

    @property
    def everything(self) -> Collection[str]:
        """All paths of the tree."""
        ...

    @property
    def by_file_name(self) -> Mapping[str, Sequence[str]]:
        """All paths of the tree by their last part."""
        ...

    def root_of(self, path: str, manifest: str) -> tuple[str, str] | None:
        """The nearest folder around a path that holds the manifest, and the name the manifest gives to it."""
        ...


Namespace = Callable[[str, str, Places], str]
Files = Callable[[str, str, Places], Collection[str]]


def said(_path: str, package: str, _places: Places) -> str:
    """The package that the file itself says."""
    return package


def unnamed(_path: str, _package: str, _places: Places) -> str:
    """One namespace for everything."""
    return ""


@dataclass(frozen=True, slots=True)
class Scoping:
    """The rules of one family.

    ``namespace`` of a file (path, package it says, places); ``words`` are heads that mean a namespace relative to the
    file. ``outer``: names are looked up in the namespaces around, too. ``implicit``: members are known without a
    receiver, ``nested``: those of classes further out as well. ``included``: only what a file includes is known.
    ``reopened``: a class may be defined in parts. ``reexports``: a namespace hands on what it imports.
    ``global_functions``: those of no namespace are known everywhere. ``constructor`` names constructors, "" for the
    name of the class, None where there are none. ``calls_type`` is what calling a class does; ``makers`` are names on a
    class that make an instance, ``class_of`` those on an instance that give its class. ``overloads``: functions of one
    name are told apart by arity. ``builtins`` are names of the language, ``prelude`` names it imports by itself.
    ``outside_functions``: a bare name that no file defines is a function from outside. ``files_of_import`` finds the
    files of an import (module, path, places); ``paths``: imports name files. ``blocks`` may run for any object.
    ``invoked`` names the method that runs when an object itself is called.
    """

    namespace: Namespace = said
    words: Callable[[str, str], Mapping[str, str]] = lambda _path, _namespace: {}
    outer: bool = False
    implicit: bool = True
    nested: bool = True
    included: bool = False
    reopened: bool = False
    reexports: bool = False
    global_functions: bool = False
    constructor: str | None = ""
    inherits_constructor: bool = False
    calls_type: Literal["makes", "converts"] = "makes"
    makers: frozenset[str] = frozenset()
    class_of: frozenset[str] = frozenset()
    strict_statics: bool = False
    bare_super: Literal["constructor", "method"] = "constructor"
    overloads: bool = False
    fold: Callable[[str], str] = str
    builtins: frozenset[str] = frozenset()
    prelude: Mapping[str, str] = field(default_factory=dict)
    outside_functions: bool = False
    test_files: re.Pattern[str] | None = None
    files_of_import: Files | None = None
    paths: bool = False
    blocks: bool = False
    invoked: str = ""
