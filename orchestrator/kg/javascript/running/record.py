"""What running a unit showed: where each call site leads, who hands on what, which class extends which.

Filled by the interpreter, read by the linker. A site is reached once per context: each context that leaves one
possibility proves an edge, so a callback that is called with two functions by two callers has two certain targets.
"""

from dataclasses import dataclass, field

from orchestrator.kg.facts import SymbolRef


@dataclass(slots=True)
class Site:
    """A call site. ``certain``: target → (rule, class made of it); ``possible``: candidates.

    ``virtual``: classes of which the receiver may be any instance. ``builtin``: it reached only what
    the language brings. ``blank``: in some context nothing was known about the callee.
    """

    certain: dict[SymbolRef, tuple[str, SymbolRef | None]] = field(default_factory=dict)
    possible: dict[SymbolRef, str] = field(default_factory=dict)
    virtual: dict[SymbolRef, None] = field(default_factory=dict)
    builtin: bool = False
    blank: bool = False


@dataclass(slots=True)
class Record:
    """The findings of one unit, by path of the file that they belong to.

    ``consulted``: files of other units that it read; ``used``: their functions and classes of which it ran something
    or knows what they give back; ``made``: those of them that it made itself, as it ran what they stand in.
    """

    sites: dict[str, dict[int, Site]] = field(default_factory=dict)
    accessors: dict[str, dict[tuple[int, int, str], Site]] = field(default_factory=dict)
    references: dict[str, dict[tuple[int, SymbolRef], None]] = field(default_factory=dict)
    extends: dict[str, dict[tuple[int, SymbolRef], None]] = field(default_factory=dict)
    decorated: dict[str, dict[tuple[int, SymbolRef], None]] = field(default_factory=dict)
    consulted: set[str] = field(default_factory=set)
    used: set[tuple[str, int]] = field(default_factory=set)
    made: set[tuple[str, int]] = field(default_factory=set)

    def site(self, path: str, number: int) -> Site:
        """The site of a file, new if it was not reached before."""
        of = self.sites.setdefault(path, {})
        found = of.get(number)
        if found is None:
            found = of[number] = Site()
        return found

    def accessor(self, path: str, scope: int, line: int, name: str) -> Site:
        """The place where a property is read or written whose getter or setter runs."""
        return self.accessors.setdefault(path, {}).setdefault((scope, line, name), Site())

    def files(self) -> set[str]:
        """The files that something was found about."""
        return {
            path
            for kind in (self.sites, self.accessors, self.references, self.extends, self.decorated)
            for path in kind
        }
