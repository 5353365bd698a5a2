"""Small acts on values that several parts of the interpreter need: promises, copies of properties, imports."""

from orchestrator.kg.javascript.running.machine import Machine
from orchestrator.kg.javascript.running.values import UNKNOWN, Env, External, Imported, Object, Plain, Values, join


def promise(m: Machine, values: Values) -> Object:
    """A promise of values; a promise of a promise is the inner one."""
    made = Object(m.token, "promise", m.region)
    made.inner = awaited(values)
    return made


def awaited(values: Values) -> Values:
    """What ``await`` gives."""
    found: Values = ()
    for value in values:
        is_promise = isinstance(value, Object) and value.kind == "promise"
        found = join(found, value.inner if is_promise and isinstance(value, Object) else (value,))
    return found


def copy_properties(m: Machine, into: Object, values: Values) -> None:
    """``{...values}`` and ``Object.assign``: own properties, one by one; methods of classes are not among them."""
    for value in values:
        if isinstance(value, Object) and _is_class_side(m, value):
            continue
        if isinstance(value, Object) and value.kind != "module":
            m.steps += len(m.properties(value))
            for key, one in list(m.properties(value).items()):
                m.put(into, key, one)
            into.rest = join(into.rest, value.rest) if into.owner is m.token else into.rest
        elif isinstance(value, Object):
            for key in list(m.properties(value)):
                m.put(into, key, m.member(value, key))
        elif not (isinstance(value, Plain) and value.kind != "?") and into.owner is m.token:
            into.open = True


def note_references(m: Machine, env: Env, values: Values) -> None:
    """Functions and classes that are handed on, where it is certain which."""
    if len(values) == 1 and isinstance(values[0], Object) and values[0].code is not None:
        ref = values[0].code.ref
        m.record.references.setdefault(env.frame.path, {})[env.frame.at, ref] = None


def imported(m: Machine, written: str, name: str, importer: str) -> Values:
    """What is imported from a module as written."""
    path = m.find(written, importer)
    if path is not None:
        return m.settle((Imported(path, name),))
    if written.startswith((".", "#", "/")):
        return UNKNOWN
    return (External(written if name in ("*", "=") else f"{written}.{name}"),)


def _is_class_side(m: Machine, value: Object) -> bool:
    maker = m.properties(value).get("constructor", ())
    return len(maker) == 1 and isinstance(maker[0], Object) and maker[0].kind == "class"
