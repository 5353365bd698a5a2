"""What each kind of expression of ``ir`` evaluates to. Used by the interpreter through the table ``EXPRESSIONS``."""

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.assign import assign, constant
from orchestrator.kg.javascript.running.calls import construct, declared, iterate
from orchestrator.kg.javascript.running.closures import closure, klass
from orchestrator.kg.javascript.running.heap import awaited, copy_properties, imported, note_references, promise
from orchestrator.kg.javascript.running.machine import Handler, Machine, Place
from orchestrator.kg.javascript.running.values import (
    UNDEFINED,
    UNKNOWN,
    Env,
    Object,
    Plain,
    Region,
    Values,
    join,
    plain,
)

_FALSY = frozenset({"undefined", "null"})
_SPREAD_PLACES = 4


def _name(m: Machine, node: ir.Node, env: Env) -> Values:
    return m.lookup(env, node[1])


def _string(_m: Machine, node: ir.Node, _env: Env) -> Values:
    return (Plain("string", node[1]),)


def _number(_m: Machine, node: ir.Node, _env: Env) -> Values:
    return (Plain("number", node[1]),)


def _other(_m: Machine, node: ir.Node, _env: Env) -> Values:
    return (Plain(node[1]),)


def _this(_m: Machine, _node: ir.Node, env: Env) -> Values:
    return env.frame.this


def _super(m: Machine, _node: ir.Node, env: Env) -> Values:
    """The object whose properties ``super.x`` reads: what the home of the method inherits from."""
    function = env.frame.function
    home = function.code.home if function is not None and function.code is not None else None
    if home is None:
        return UNKNOWN
    return (home.proto,) if home.proto is not None else UNKNOWN


def _function(m: Machine, node: ir.Node, env: Env) -> Values:
    return (closure(m, node[1], env),)


def _class(m: Machine, node: ir.Node, env: Env) -> Values:
    return (klass(m, node[1], env),)


def _items(m: Machine, nodes: list[ir.Node], env: Env) -> tuple[list[Values], Values]:
    """Items in their places, and what follows in places that are not known."""
    items: list[Values] = []
    rest: Values = ()
    for item in nodes:
        if item[0] == ir.SPREAD:
            spread = m.evaluate(item[1], env)
            array = spread[0] if len(spread) == 1 else None
            if isinstance(array, Object) and array.kind == "array" and array.size >= 0 and not rest:
                items += m.elements(array)
            else:
                rest = join(rest, _spread(m, spread))
        elif rest:
            rest = join(rest, _handed_on(m, item, env))
        else:
            items.append(_handed_on(m, item, env))
    return items, rest


def _arguments(m: Machine, nodes: list[ir.Node], env: Env) -> list[Values]:
    """The arguments of a call; after a spread of unknown length every place may hold any of it."""
    items, rest = _items(m, nodes, env)
    return items + [join(rest, UNKNOWN)] * _SPREAD_PLACES if rest else items


def _array(m: Machine, node: ir.Node, env: Env) -> Values:
    items, rest = _items(m, node[1], env)
    made = m.array(items)
    if rest:
        made.rest, made.size = rest, -1
    return (made,)


def _spread(m: Machine, values: Values) -> Values:
    """What is among the items of unknown number that spreading gives."""
    found: Values = ()
    for value in values:
        if isinstance(value, Object):
            for item in m.elements(value):
                found = join(found, item)
        else:
            found = join(found, UNKNOWN)
    return found or UNKNOWN


def _handed_on(m: Machine, node: ir.Node, env: Env) -> Values:
    """The value of an expression that is stored or passed: a function among it may be called by somebody else."""
    values = m.evaluate(node, env)
    note_references(m, env, values)
    return values


def _object(m: Machine, node: ir.Node, env: Env) -> Values:
    made = m.object()
    for how, key, value in node[1]:
        if how == ir.REST:
            copy_properties(m, made, m.evaluate(value, env))
            continue
        name = key if isinstance(key, str) else constant(m.evaluate(key, env))
        values = _handed_on(m, value, env)
        if value[0] == ir.FUNCTION:
            _at_home(values, made)
        if how == ir.VALUE:
            m.put(made, name, values)
        elif name is not None:
            kept = made.getters if how == ir.GETTER else made.setters
            kept = {} if kept is None else kept
            kept[name] = values
            if how == ir.GETTER:
                made.getters = kept
            else:
                made.setters = kept
    return (made,)


def _at_home(values: Values, home: Object) -> None:
    """A function written into an object is its method, as long as it is no other's."""
    if len(values) == 1 and isinstance(values[0], Object):
        code = values[0].code
        if code is not None and code.home is None and values[0].kind == "function" and values[0].owner is home.owner:
            code.home = home


def _chain(m: Machine, node: ir.Node, env: Env) -> Values:
    head, steps = node[1], node[2]
    values: Values = ()
    start = 0
    if head[0] == ir.NAME and head[1] == "require":
        values = _require(m, node, env)
        start = 1 if values else 0
    values = values or m.evaluate(head, env)
    this: Values = UNDEFINED
    rule = "scope" if head[0] == ir.NAME else "flow"
    if head[0] == ir.SUPER and steps[0][0] == ir.CALL:
        values, start = _super_call(m, steps[0], env), 1
    for step in steps[start:]:
        if step[0] == ir.MEMBER:
            key = step[1] if isinstance(step[1], str) else constant(m.evaluate(step[1], env))
            this = env.frame.this if head[0] == ir.SUPER and step is steps[0] else values
            rule = _member_rule(m, values, key) if step is not steps[0] else _first_rule(m, head, values, key)
            values = read(m, values, key, env, step[2])
        else:
            arguments = _arguments(m, step[1], env)
            place = Place(env.frame.path, step[2], env.frame.at)
            values = m.call(m, values, this, arguments, place, rule)
            this, rule = UNDEFINED, "flow"
    return values


def _first_rule(m: Machine, head: ir.Node, receiver: Values, key: str | None) -> str:
    rule = _member_rule(m, receiver, key)
    if head[0] == ir.SUPER:
        return "super"
    return "self" if head[0] == ir.THIS and rule in ("instance", "class", "object") else rule


def _member_rule(m: Machine, receiver: Values, key: str | None) -> str:
    """Why a method is certain, by what it is called on; a function kept in a field of an instance came by flow."""
    value = receiver[0] if receiver else None
    if isinstance(value, Object):
        if value.kind == "module":
            return "module"
        if value.kind == "class":
            return "class"
        if value.proto is not None:
            return "flow" if key in m.properties(value) else "instance"
        return "object"
    return "flow"


def read(m: Machine, values: Values, key: str | None, env: Env, line: int) -> Values:
    """``values[key]``; getters are called, and a key that is not known gives anything that is in there."""
    if key is None:
        return _anything_in(m, values)
    found: Values = ()
    for value in values:
        getter = m.accessor(value, key, setter=False) if isinstance(value, Object) else ()
        if getter:
            place = Place(env.frame.path, -1, env.frame.at, line, key, sure=len(values) == 1)
            found = join(found, m.call(m, getter, (value,), [], place, "flow"))
        else:
            found = join(found, m.member(value, key))
    return found


def _anything_in(m: Machine, values: Values) -> Values:
    found: Values = ()
    for value in values:
        if not isinstance(value, Object) or value.open or value.kind == "module":
            found = join(found, UNKNOWN)
            continue
        for one in m.properties(value).values():
            found = join(found, m.settle(one))
        found = join(found, value.rest)
    return found or UNKNOWN


def _require(m: Machine, node: ir.Node, env: Env) -> Values:
    """What ``require("…")`` gives; () if the chain is none."""
    first = node[2][0]
    if first[0] != ir.CALL or len(first[1]) != 1 or first[1][0][0] != ir.STRING or m.lookup(env, "require") != UNKNOWN:
        return ()
    m.record.site(env.frame.path, first[2]).builtin = True
    return imported(m, first[1][0][1], "=", env.frame.path) or UNDEFINED


def _import_call(m: Machine, node: ir.Node, env: Env) -> Values:
    argument = m.evaluate(node[1], env)
    written = constant(argument)
    value = imported(m, written, "*", env.frame.path) if written is not None else UNKNOWN
    return (promise(m, value),)


def _super_call(m: Machine, step: ir.Node, env: Env) -> Values:
    """``super(…)`` runs the constructor of the base on the object being made."""
    arguments = _arguments(m, step[1], env)
    function = env.frame.function
    home = function.code.home if function is not None and function.code is not None else None
    made = m.properties(home).get("constructor", ()) if home is not None else ()
    owner = made[0] if len(made) == 1 and isinstance(made[0], Object) else None
    base = owner.code.base if owner is not None and owner.code is not None else UNKNOWN
    place = Place(env.frame.path, step[2], env.frame.at)
    construct(m, base, arguments, place, "super", this=env.frame.this)
    return env.frame.this


def _new(m: Machine, node: ir.Node, env: Env) -> Values:
    callee = m.evaluate(node[1], env)
    arguments = _arguments(m, node[2], env)
    rule = "scope" if node[1][0] == ir.NAME else "flow"
    return construct(m, callee, arguments, Place(env.frame.path, node[3], env.frame.at), rule)


def _assign(m: Machine, node: ir.Node, env: Env) -> Values:
    values = m.evaluate(node[2], env)
    if node[1][0] == ir.CHAIN:
        note_references(m, env, values)
    assign(m, node[1], values, env)
    return values


def _either(m: Machine, node: ir.Node, env: Env) -> Values:
    values = m.evaluate(node[1][0], env)
    outer = m.region
    for one in node[1][1:]:
        m.region = Region(outer)
        values = join(values, m.evaluate(one, env))
    m.region = outer
    return values


def _or(m: Machine, node: ir.Node, env: Env) -> Values:
    values: Values = ()
    outer = m.region
    for one in node[1]:
        found = m.evaluate(one, env)
        values = join(values, tuple(v for v in found if not (isinstance(v, Plain) and v.kind in _FALSY)))
        if found and all(isinstance(value, Object) for value in found):
            break
        m.region = Region(outer)
    m.region = outer
    return values


def _all(m: Machine, node: ir.Node, env: Env) -> Values:
    values: Values = ()
    for one in node[1]:
        values = m.evaluate(one, env)
    return plain(node[2]) if node[2] else values


def _await(m: Machine, node: ir.Node, env: Env) -> Values:
    return awaited(m.evaluate(node[1], env))


def _yield(m: Machine, node: ir.Node, env: Env) -> Values:
    values = m.evaluate(node[1], env)
    if node[2]:
        for item in iterate(m, values, Place(env.frame.path, -1, env.frame.at, 0, "")):
            env.frame.yields = join(env.frame.yields, item)
    else:
        env.frame.yields = join(env.frame.yields, values)
    return UNKNOWN


def _spread_alone(m: Machine, node: ir.Node, env: Env) -> Values:
    return _spread(m, m.evaluate(node[1], env))


def _element(m: Machine, node: ir.Node, env: Env) -> Values:
    """``<Component …/>``: the component is called with its properties when it is shown."""
    component = m.evaluate(node[1], env)
    properties = m.evaluate(node[2], env)
    for child in node[3]:
        m.evaluate(child, env)
    place = Place(env.frame.path, node[4], env.frame.at)
    m.call(m, component, UNDEFINED, [properties], place, "element")
    return plain("element")


def _typed(m: Machine, node: ir.Node, env: Env) -> Values:
    values = m.evaluate(node[1], env) if node[1] is not None else UNKNOWN
    return declared(m, node[2], env, values)


EXPRESSIONS: dict[int, Handler] = {
    ir.NAME: _name,
    ir.STRING: _string,
    ir.NUMBER: _number,
    ir.OTHER: _other,
    ir.THIS: _this,
    ir.SUPER: _super,
    ir.FUNCTION: _function,
    ir.CLASS: _class,
    ir.ARRAY: _array,
    ir.OBJECT: _object,
    ir.CHAIN: _chain,
    ir.NEW: _new,
    ir.ASSIGN: _assign,
    ir.EITHER: _either,
    ir.OR: _or,
    ir.ALL: _all,
    ir.AWAIT: _await,
    ir.YIELD: _yield,
    ir.SPREAD: _spread_alone,
    ir.ELEMENT: _element,
    ir.IMPORT_CALL: _import_call,
    ir.TYPED: _typed,
}
