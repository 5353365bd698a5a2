"""What a renaming will change and what it could not be sure of, gathered before a single byte is written.

Used by the two halves of the renaming code-mod (names and members). It turns occurrences into edits, refuses where the
new name would mean something else, and lists every other place where the old name stands.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import Any

from orchestrator.agents.python_project import Module
from orchestrator.agents.python_scopes import Member, Occurrence, Scope
from orchestrator.agents.python_source import Edit
from orchestrator.core.errors import AgentFailed, InvalidInput

_DEFINITION = re.compile(r"(?:async(?:\s|\\\r?\n)+)?(?:def|class)(?:\s|\\\r?\n)+")


@dataclass
class Plan:
    """Edits by file, and doubts."""

    old: str
    new: str
    modules: dict[str, Module] = field(default_factory=dict)
    edits: dict[str, set[Edit]] = field(default_factory=dict)
    doubts: dict[tuple[str, int, str], str] = field(default_factory=dict)
    _strings: dict[tuple[str, int], tuple[Module, ast.JoinedStr, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.word = re.compile(rf"\b{re.escape(self.old)}\b")

    def occurrence(self, module: Module, found: Occurrence) -> None:
        """Rename one name."""
        node: Any = found.node
        if found.text is not None:
            self._in_string(module, found.text)
        elif found.how == "def":
            start, _ = module.source.span(node)
            head = _DEFINITION.match(module.source.text, start)
            self.replace(module, head.end() if head else start, node)
        elif found.how == "declared":
            start, end = module.source.span(node)
            for match in self.word.finditer(module.source.text, start, end):
                self.replace(module, match.start(), node)
        elif found.how == "other":
            raise self.refusal(module, node, "binds the name in a way this agent does not rename")
        else:
            self.replace(module, _shifted(module, node.lineno, node.col_offset, found.shift), node)

    def member(self, module: Module, found: Member) -> None:
        """Rename the attribute in ``value.attribute``."""
        if found.text is not None:
            self._in_string(module, found.text)
            return
        line, column = found.node.end_lineno or 0, found.node.end_col_offset or 0
        end = _shifted(module, line, column, found.shift)
        self.replace(module, end - len(self.old), found.node)

    def imported(self, module: Module, alias: ast.alias, *, keep: bool) -> None:
        """Rename what an import names; ``keep`` leaves the local name as it was."""
        start, end = module.source.span(alias)
        self.replace(module, start, alias, f"{self.new} as {self.old}" if keep and not alias.asname else self.new)
        if alias.asname == self.old and not keep:
            self.replace(module, end - len(self.old), alias)

    def string(self, module: Module, node: ast.Constant) -> None:
        """Rename a string that is exactly the name, as in ``__all__``."""
        start, end = module.source.span(node)
        found = list(self.word.finditer(module.source.text, start, end))
        if len(found) == 1:
            self.replace(module, found[0].start(), node)

    def replace(self, module: Module, start: int, node: ast.AST, text: str | None = None) -> None:
        """Put the new name where the old one stands; AgentFailed when it does not stand there."""
        end = start + len(self.old)
        if module.source.text[start:end] != self.old:
            line = getattr(node, "lineno", 0)
            raise AgentFailed(f"{module.path}:{line} does not read as its syntax tree says; nothing was changed.")
        self.modules[module.path] = module
        self.edits.setdefault(module.path, set()).add(Edit(start, end, text or self.new))

    def doubt(self, module: Module, line: int, kind: str, why: str) -> None:
        """Note a place that was left as it is although it may mean the symbol."""
        self.doubts.setdefault((module.path, line, kind), why)

    def refusal(self, module: Module, node: Any, why: str) -> InvalidInput:
        """The error that ends the whole renaming because of one place."""
        place = f"{module.path}:{node.lineno}"
        return InvalidInput(f"{self.old} cannot be renamed to {self.new}: {place} {why}.", field="input.new_name")

    def check_free(self, module: Module, home: Scope) -> None:
        """Refuse when the new name means something already where the old one is used, or would catch other uses."""
        if self.new in home.bound:
            raise self.refusal(module, home.bound[self.new][0].node, f"binds {self.new} already")
        below = list(home.everything())
        for scope in below:
            for found in scope.occurrences:
                if found.name == self.old and scope.resolve(self.old) is home and scope.resolve(self.new) in below:
                    raise self.refusal(module, found.node, f"sees another {self.new}")
                catches = home.kind != "class" or scope is home
                if found.name == self.new and catches and scope.resolve(self.new) not in below:
                    raise self.refusal(module, found.node, f"uses {self.new}, which would then mean the renamed one")

    def finish(self) -> None:
        """Settle what stands inside f-strings, whose positions syntax trees do not tell reliably."""
        for module, node, expected in self._strings.values():
            start, end = module.source.span(node)
            places = list(self.word.finditer(module.source.text, start, end))
            inside = [match for match in places if _in_field(module.source.text[start : match.start()])]
            if len(inside) != expected:
                raise self.refusal(module, node, "uses it in an f-string that cannot be changed safely")
            for match in inside:
                self.replace(module, match.start(), node)

    def mention(self, module: Module) -> None:
        """Doubt every place of the old name that is not edited: strings, comments, unknown attributes, other names."""
        edited = {edit.start for edit in self.edits.get(module.path, ())}
        for kind, start, text in _tokens(module):
            for match in self.word.finditer(text):
                if start + match.start() not in edited:
                    line = module.source.line_of(start + match.start())
                    self.doubt(module, line, kind, f"a {kind} holds the word {self.old}; it was not changed")

    def _in_string(self, module: Module, node: ast.JoinedStr) -> None:
        key = (module.path, id(node))
        count = self._strings[key][2] if key in self._strings else 0
        self._strings[key] = (module, node, count + 1)


def _shifted(module: Module, line: int, column: int, shift: tuple[int, int] | None) -> int:
    return module.source.offset(shift[0], shift[1] + column) if shift else module.source.offset(line, column)


def _in_field(before: str) -> bool:
    """Whether a place in an f-string is code, given what stands before it."""
    depth = 0
    at = 0
    while at < len(before):
        if depth == 0 and before[at : at + 2] in ("{{", "}}"):
            at += 2
            continue
        depth += {"{": 1, "}": -1}.get(before[at], 0)
        at += 1
    return depth > 0


def _tokens(module: Module) -> list[tuple[str, int, str]]:
    """Strings and comments of a file with their offsets."""
    found = []
    kinds = {tokenize.STRING: "string", tokenize.COMMENT: "comment"}
    # From 3.12 on an f-string comes in parts.
    kinds |= {getattr(tokenize, name): "string" for name in ("FSTRING_MIDDLE",) if hasattr(tokenize, name)}
    lines = io.StringIO(module.source.text, newline="")
    try:
        for token in tokenize.generate_tokens(lines.readline):
            if token.type in kinds:
                prefix = token.line.split("\n")[0][: token.start[1]]
                start = module.source.offset(token.start[0], len(prefix.encode()))
                found.append((kinds[token.type], start, token.string))
    except (tokenize.TokenError, SyntaxError):
        return found
    return found
