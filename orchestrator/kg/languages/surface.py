"""What other files can read of a file: as long as it stays the same, an edit matters to the file itself only.

Used by the linker to take in changes. Lines, bodies, documentation and local variables are no part of it.
"""

from collections.abc import Hashable

import orjson

from orchestrator.kg.facts import FileFacts

_READ = ("package", "statics", "traits", "extended", "local", "project")


def surface(facts: FileFacts) -> Hashable:
    """Equal for two states of a file that look the same to all others."""
    kinds = [one.kind for one in facts.definitions]
    # Fields set in a method may have the value of a variable there.
    deep = any(one.kind == "value" and kinds[one.scope] == "function" for one in facts.attributes)
    bindings = tuple(
        (one.scope, one.name, one.kind, one.value)
        for one in facts.bindings
        if deep or kinds[one.scope] != "function" or one.kind in ("import", "from")
    )
    kept = orjson.loads(facts.program or "{}")
    return (
        tuple(
            (one.kind, one.name, one.parent, one.owner, one.bases, one.least_args, one.most_args, one.returns_type)
            for one in facts.definitions
        ),
        bindings,
        tuple((one.owner, one.scope, one.name, one.kind, one.value) for one in facts.attributes),
        tuple((one.scope, one.module, one.star) for one in facts.imports),
        orjson.dumps([kept.get(name) for name in _READ]),
    )
