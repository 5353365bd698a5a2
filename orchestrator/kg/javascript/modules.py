"""Which file an import means: relative paths, path aliases, packages of the tree with their exports and imports.

Follows Node and bundlers: extensions left out, ``index`` files, ``tsconfig.json`` paths from the nearest folder up,
``package.json`` exports, imports and main, workspaces by name. Sources win over what is built from them. Used by the
JavaScript linker; reads facts of configuration files, never the disk.
"""

import re
from collections.abc import Collection, Mapping
from posixpath import dirname, join, normpath
from typing import Any

_SUFFIXES = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_REWRITTEN = {".js": (".ts", ".tsx", ".jsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_CONDITIONS = ("source", "development", "import", "module", "node", "browser", "require", "default", "types")
_TREES = (("dist", "src"), ("lib", "src"), ("build", "src"), ("out", "src"), ("esm", "src"), ("cjs", "src"))
_MAX_CLIMB = 40
_MAX_EXTENDS = 8


class ModuleIndex:
    """Finds modules of one tree. ``configs`` are the facts of its tsconfig and package files, by path."""

    def __init__(self, paths: Collection[str], configs: Mapping[str, dict[str, Any]]) -> None:
        self._paths = paths
        self._configs = configs
        self._packages = {
            str(config["name"]): dirname(path)
            for path, config in sorted(configs.items(), reverse=True)
            if path.endswith("package.json") and config.get("name")
        }
        self._found: dict[tuple[str, str], str | None] = {}

    def find(self, written: str, importer: str) -> str | None:
        """The path of the module that ``importer`` names; None if it lies outside the tree."""
        key = (dirname(importer), written)
        if key not in self._found:
            self._found[key] = self._find(written, importer)
        return self._found[key]

    def _find(self, written: str, importer: str) -> str | None:
        if written.startswith("."):
            return self._file(_within(join(dirname(importer), written)))
        if written.startswith("/") or not written:
            return None
        if written.startswith("#"):
            return self._own_import(written, importer)
        return self._alias(written, importer) or self._package(written)

    def _file(self, path: str | None) -> str | None:
        """A file by a path that may lack its extension, or name a folder or what the source is built to."""
        if path is None:
            return None
        if path in self._paths and path:
            return path
        stem, dot, suffix = path.rpartition(".")
        for other in _REWRITTEN.get(dot + suffix, ()):
            if stem + other in self._paths:
                return stem + other
        for suffix in _SUFFIXES:
            if path + suffix in self._paths:
                return path + suffix
        package = self._configs.get(join(path, "package.json"))
        if package is not None and package.get("main") and (found := self._built(path, str(package["main"]))):
            return found
        for suffix in _SUFFIXES:
            if (index := join(path, "index" + suffix)) in self._paths:
                return index
        return None

    # tsconfig

    def _alias(self, written: str, importer: str) -> str | None:
        folder = dirname(importer)
        for _ in range(_MAX_CLIMB):
            for name in ("tsconfig.json", "jsconfig.json"):
                config = self._configs.get(join(folder, name))
                if config is not None and (found := self._by_config(written, folder, config)):
                    return found
            if not folder:
                break
            folder = dirname(folder)
        return None

    def _by_config(self, written: str, folder: str, config: dict[str, Any]) -> str | None:
        for _ in range(_MAX_EXTENDS):
            base = _within(join(folder, str(config.get("baseUrl") or ".")))
            for pattern, targets in (config.get("paths") or {}).items():
                star = _match(pattern, written)
                for target in targets if star is not None and isinstance(targets, list) else ():
                    path = _within(join(base or "", str(target).replace("*", star or "")))
                    if found := self._file(path):
                        return found
            if config.get("baseUrl") and base is not None and (found := self._file(_within(join(base, written)))):
                return found
            parent = config.get("extends")
            path = _within(join(folder, parent)) if isinstance(parent, str) and parent.startswith(".") else None
            if path is None:
                return None
            path = path if path.endswith(".json") else f"{path}.json"
            folder, config = dirname(path), self._configs.get(path) or {}
            if not config:
                return None
        return None

    # package.json

    def _package(self, written: str) -> str | None:
        parts = written.split("/")
        size = 2 if written.startswith("@") else 1
        folder = self._packages.get("/".join(parts[:size]))
        if folder is None:
            return None
        rest = "/".join(parts[size:])
        package = self._configs.get(join(folder, "package.json")) or {}
        exports = package.get("exports")
        if exports is not None and (target := _exported(exports, f"./{rest}" if rest else ".")):
            return self._built(folder, target)
        if rest:
            return self._file(_within(join(folder, rest))) or self._file(_within(join(folder, "src", rest)))
        for field in ("source", "module", "main", "types"):
            if package.get(field) and (found := self._built(folder, str(package[field]))):
                return found
        return self._file(folder) or self._file(join(folder, "src"))

    def _own_import(self, written: str, importer: str) -> str | None:
        folder = dirname(importer)
        for _ in range(_MAX_CLIMB):
            package = self._configs.get(join(folder, "package.json"))
            if package is not None and package.get("imports"):
                target = _exported(package["imports"], written)
                return self._built(folder, target) if target else None
            if not folder:
                break
            folder = dirname(folder)
        return None

    def _built(self, folder: str, target: str) -> str | None:
        """A file of a package, or the source that a built file, which is not in the tree, is made from."""
        found = self._file(_within(join(folder, target)))
        if found:
            return found
        parts = normpath(target).split("/")
        for built, source in _TREES:
            if built in parts:
                at = parts.index(built)
                for kept in ([*parts[:at], source, *parts[at + 1 :]], [*parts[:at], source, parts[-1]]):
                    stem = re.sub(r"(\.d)?\.\w+$", "", "/".join(kept))
                    if found := self._file(_within(join(folder, stem))):
                        return found
        return None


def _within(path: str) -> str | None:
    """A clean path below the root, or None for one that leaves it."""
    clean = normpath(path) if path else "."
    return None if clean.startswith(("..", "/")) else "" if clean == "." else clean


def _match(pattern: str, written: str) -> str | None:
    """What the star of a pattern stands for, "" where there is none; None if the pattern does not fit."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if pattern == written else None
    fits = written.startswith(before) and written.endswith(after) and len(written) >= len(before) + len(after)
    return written[len(before) : len(written) - len(after)] if fits else None


def _exported(exports: Any, wanted: str) -> str | None:
    """The file that an ``exports`` or ``imports`` field gives for a key, by conditions, patterns and fallbacks."""
    if isinstance(exports, str | list) or not any(str(key).startswith((".", "#")) for key in exports):
        return _target(exports) if wanted == "." else None
    best: tuple[int, str, str] | None = None
    for pattern, target in exports.items():
        star = _match(str(pattern), wanted)
        chosen = _target(target) if star is not None else None
        if star is not None and chosen and (best is None or len(pattern) > best[0]):
            best = (len(pattern), chosen, star)
    return best[1].replace("*", best[2]) if best else None


def _target(value: Any, depth: int = 0) -> str | None:
    if isinstance(value, str):
        return value
    if depth > _MAX_EXTENDS:
        return None
    if isinstance(value, list):
        return next((found for one in value if (found := _target(one, depth + 1))), None)
    if isinstance(value, dict):
        return next((found for name in _CONDITIONS if (found := _target(value.get(name), depth + 1))), None)
    return None
