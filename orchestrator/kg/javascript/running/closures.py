"""Functions and classes as they come to be when the interpreter reaches them."""

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.heap import note_references
from orchestrator.kg.javascript.running.machine import Machine
from orchestrator.kg.javascript.running.values import UNKNOWN, Code, Env, External, Frame, Object, Plain, Values


def closure(m: Machine, at: int, env: Env) -> Object:
    """A function made in a block."""
    path = env.frame.path
    made = Object(m.token, "function", m.region)
    made.code = Code(SymbolRef(path, at), m.programs(path)[at], env)
    if path in m.modules:
        m.created.append(made)
    else:
        m.use((path, at))
        m.record.made.add((path, at))
    return made


def klass(m: Machine, at: int, env: Env) -> Object:
    """A class made in a block: its prototype, its static side, its base."""
    path = env.frame.path
    program = m.programs(path)[at]
    made, prototype = Object(m.token, "class", m.region), Object(m.token, "object", m.region)
    inside = Object(m.token, "function", m.region)
    made.code = Code(SymbolRef(path, at), program, env, home=made)
    prototype.props["constructor"] = (made,)
    made.props["prototype"] = (prototype,)
    if program[2] is not None:
        _inherit(m, made, prototype, m.evaluate(program[2], env))
    _name_interfaces(m, made, program[4], env)
    frame = Frame(path, at, (made,), inside)
    inner = Env(m.token, m.region, frame, env)
    if program[1]:
        inner.names[program[1]] = (made,)
    inside.code = Code(SymbolRef(path, at), program, inner, home=made)
    made.code.env = inner
    if path in m.modules:
        m.created.append(made)
    else:
        m.use((path, at))
        m.record.made.add((path, at))
    for member in program[3]:
        _member(m, made, prototype, member, inner)
    return made


def _inherit(m: Machine, made: Object, prototype: Object, base: Values) -> None:
    assert made.code is not None
    made.code.base = base
    one = base[0] if len(base) == 1 else None
    kept = m.record.extends.setdefault(made.code.ref.path, {})
    if isinstance(one, Object) and one.code is not None:
        made.proto = one
        above = m.member(one, "prototype")
        prototype.proto = above[0] if len(above) == 1 and isinstance(above[0], Object) else None
        kept[made.code.ref.at, one.code.ref] = None
    elif not (isinstance(one, Plain) and one.kind == "null"):
        made.open = prototype.open = True
        if isinstance(one, External) and not one.builtin:
            kept[made.code.ref.at, SymbolRef("", -1, one.name)] = None


def _name_interfaces(m: Machine, made: Object, names: list[str], env: Env) -> None:
    assert made.code is not None
    for name in names:
        found = m.lookup(env, name.partition(".")[0])
        for part in name.split(".")[1:]:
            found = m.get(found, part)
        one = found[0] if len(found) == 1 else None
        kept = m.record.extends.setdefault(made.code.ref.path, {})
        if isinstance(one, Object) and one.code is not None:
            kept[made.code.ref.at, one.code.ref] = None
        elif isinstance(one, External) and not one.builtin:
            kept[made.code.ref.at, SymbolRef("", -1, one.name)] = None


def _member(m: Machine, made: Object, prototype: Object, member: ir.Node, env: Env) -> None:
    assert made.code is not None
    kind, static, key, value = member
    side = made if static else prototype
    if kind == ir.INITIALIZER:
        m.execute([value], env)
        return
    name = key if isinstance(key, str) else _key(m.evaluate(key, env))
    if kind == ir.FIELD and not static:
        made.code.fields.append([name, value])
        return
    values = m.evaluate(value, env) if value is not None else UNKNOWN
    if kind == ir.FIELD:
        note_references(m, env, values)
        m.put(made, name, values)
        return
    function = values[0]
    assert isinstance(function, Object)
    assert function.code is not None
    function.code.home = side
    if kind == ir.GET and name is not None:
        side.getters = {**(side.getters or {}), name: values}
    elif kind == ir.SET and name is not None:
        side.setters = {**(side.setters or {}), name: values}
    elif name == "constructor" and not static:
        made.code.constructor = function
    else:
        m.put(side, name, values)


def _key(values: Values) -> str | None:
    one = values[0] if len(values) == 1 else None
    return one.text if isinstance(one, Plain) else None
