"""Assignment to names, properties and patterns. Used by the interpreter."""

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.calls import declared, iterate
from orchestrator.kg.javascript.running.machine import Machine, Place
from orchestrator.kg.javascript.running.values import (
    UNDEFINED,
    UNKNOWN,
    Env,
    Object,
    Plain,
    Region,
    Values,
    join,
    known,
)


def constant(values: Values) -> str | None:
    """The one key that values stand for, or None."""
    one = values[0] if len(values) == 1 else None
    return one.text if isinstance(one, Plain) else None


def assign(m: Machine, target: ir.Node, values: Values, env: Env) -> None:
    """``target = values``."""
    kind = target[0]
    if kind == ir.NAME:
        m.assign(env, target[1], values or UNDEFINED)
    elif kind == ir.CHAIN:
        _assign_property(m, target, values, env)
    elif kind == ir.ARRAY:
        _assign_items(m, target[1], values, env)
    elif kind == ir.OBJECT:
        _assign_properties(m, target[1], values, env)
    elif kind == ir.DEFAULT:
        assign(m, target[1], _or_default(m, values, target[2], env), env)
    elif kind == ir.TYPED:
        assign(m, target[1], declared(m, target[2], env, values), env)


def _or_default(m: Machine, values: Values, default: ir.Node, env: Env) -> Values:
    """A default counts where nothing was given, and may count where it is unknown what was."""
    given = tuple(value for value in values if not (isinstance(value, Plain) and value.kind == "undefined"))
    if given and known(values):
        return given if len(given) == len(values) else join(given, m.evaluate(default, env))
    return join(given, m.evaluate(default, env))


def _assign_property(m: Machine, target: ir.Node, values: Values, env: Env) -> None:
    *before, last = target[2]
    if last[0] != ir.MEMBER:
        return
    receivers = m.evaluate([ir.CHAIN, target[1], before] if before else target[1], env)
    key = last[1] if isinstance(last[1], str) else constant(m.evaluate(last[1], env))
    outer = m.region
    if len(receivers) > 1:
        m.region = Region(outer)
    for receiver in receivers:
        if not isinstance(receiver, Object):
            continue
        setter = m.accessor(receiver, key, setter=True) if key is not None else ()
        if setter:
            place = Place(env.frame.path, -1, env.frame.at, last[2], key or "", sure=len(receivers) == 1)
            m.call(m, setter, (receiver,), [values], place, "flow")
        else:
            m.put(receiver, key, values)
            _make_method(values, receiver, m)
    m.region = outer


def _make_method(values: Values, home: Object, m: Machine) -> None:
    """A function stored in an object is its method, as long as it is no other's."""
    one = values[0] if len(values) == 1 else None
    if isinstance(one, Object) and one.code is not None and one.kind == "function" and one.owner is m.token:
        one.code.home = one.code.home or home


def _assign_items(m: Machine, targets: list[ir.Node | None], values: Values, env: Env) -> None:
    array = values[0] if len(values) == 1 else None
    if isinstance(array, Object) and array.kind == "array" and array.size >= 0:
        items = m.elements(array)
        for index, target in enumerate(targets):
            if target is not None and target[0] == ir.SPREAD:
                assign(m, target[1], (m.array(items[index:]),), env)
            elif target is not None:
                assign(m, target, items[index] if index < len(items) else UNDEFINED, env)
        return
    anything: Values = ()
    for item in iterate(m, values, Place(env.frame.path, -1, env.frame.at)):
        anything = join(anything, item)
    for target in targets:
        if target is not None and target[0] == ir.SPREAD:
            rest = Object(m.token, "array", m.region, rest=anything)
            assign(m, target[1], (rest,), env)
        elif target is not None:
            assign(m, target, anything or UNKNOWN, env)


def _assign_properties(m: Machine, entries: list[ir.Node], values: Values, env: Env) -> None:
    taken: list[str] = []
    for key, target in entries:
        if target[0] == ir.SPREAD:
            assign(m, target[1], (_remaining(m, values, taken),), env)
            continue
        name = key if isinstance(key, str) else constant(m.evaluate(key, env))
        if name is not None:
            taken.append(name)
        assign(m, target, m.get(values, name) if name is not None and values else UNKNOWN, env)


def _remaining(m: Machine, values: Values, taken: list[str]) -> Object:
    made = m.object()
    for value in values:
        if not isinstance(value, Object):
            made.open = True
            continue
        for key, one in m.properties(value).items():
            if key not in taken:
                m.put(made, key, one)
        made.open, made.rest = made.open or value.open, join(made.rest, value.rest)
    return made
