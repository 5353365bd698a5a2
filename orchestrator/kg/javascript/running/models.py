"""What functions of the language itself do with the values they get: callbacks run, elements and properties move.

Used by the interpreter through tables by name. What stands in no table gives something unknown and calls nobody.
"""

from collections.abc import Sequence

from orchestrator.kg.javascript.running.arrays import (
    ARRAYS,
    Model,
    argument,
    array_new,
    array_of,
    call_back,
    everything,
    items_of,
    only,
)
from orchestrator.kg.javascript.running.heap import awaited, copy_properties, promise
from orchestrator.kg.javascript.running.machine import Machine, Place
from orchestrator.kg.javascript.running.values import (
    UNDEFINED,
    UNKNOWN,
    Bound,
    External,
    Object,
    Plain,
    Values,
    join,
    plain,
)

# Objects


def _object_assign(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    into = only(argument(arguments, 0))
    if into is not None:
        for source in arguments[1:]:
            copy_properties(m, into, source)
    return argument(arguments, 0)


def _object_create(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    made, above = m.object(), argument(arguments, 0)
    made.proto = only(above)
    made.open = made.proto is None and not all(isinstance(one, Plain) and one.kind == "null" for one in above)
    return (made,)


def _set_prototype(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of, above = only(argument(arguments, 0)), only(argument(arguments, 1))
    if of is not None and of.owner is m.token:
        of.proto, of.open = above, of.open or above is None
    return argument(arguments, 0)


def _get_prototype(_m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = only(argument(arguments, 0))
    return (of.proto,) if of is not None and of.proto is not None else UNKNOWN


def _inherits(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    """``util.inherits(a, b)``: what instances of a have not, they take from b."""
    of, base = only(argument(arguments, 0)), only(argument(arguments, 1))
    mine = only(m.member(of, "prototype")) if of is not None else None
    if mine is not None and mine.owner is m.token:
        mine.proto = only(m.member(base, "prototype")) if base is not None else None
        mine.open = mine.open or mine.proto is None
    return UNDEFINED


def _define_property(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of, described, key = only(argument(arguments, 0)), only(argument(arguments, 2)), argument(arguments, 1)
    name = key[0].text if len(key) == 1 and isinstance(key[0], Plain) else None
    if of is None or described is None or name is None:
        return argument(arguments, 0)
    fields = m.properties(described)
    if "value" in fields:
        m.put(of, name, fields["value"])
    if of.owner is m.token and "get" in fields:
        of.getters = {**(of.getters or {}), name: fields["get"]}
    if of.owner is m.token and "set" in fields:
        of.setters = {**(of.setters or {}), name: fields["set"]}
    for field in ("value", "get", "set"):
        function = only(fields.get(field, ()))
        if function is not None and function.kind == "function" and function.owner is m.token:
            _move_home(function, described, of)
    return argument(arguments, 0)


def _move_home(function: Object, described: Object, of: Object) -> None:
    """A function in the description of a property is a method of the object that is described."""
    if function.code is not None and (function.code.home is None or function.code.home is described):
        function.code.home = of


def _first(_m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    return argument(arguments, 0)


def _values(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = only(argument(arguments, 0))
    if of is None or of.open or of.kind == "module":
        return array_of(m, UNKNOWN)
    return array_of(m, join(everything([m.settle(one) for one in m.properties(of).values()]), of.rest))


def _keys(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = only(argument(arguments, 0))
    if of is None or of.open or of.rest or of.kind == "module":
        return array_of(m, plain("string"))
    return (m.array([(Plain("string", key),) for key in m.properties(of)]),)


def _entries(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = only(argument(arguments, 0))
    if of is None or of.open or of.rest or of.kind == "module":
        return array_of(m, (m.array([plain("string"), UNKNOWN]),))
    return (m.array([(m.array([(Plain("string", key),), one]),) for key, one in m.properties(of).items()]),)


# Functions


def _apply(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    given = only(argument(arguments, 1))
    items = m.elements(given) if given is not None and given.size >= 0 else [UNKNOWN] * 4
    return _call_of(m, target, argument(arguments, 0), items if len(arguments) > 1 else [], at)


def _call(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    return _call_of(m, target, argument(arguments, 0), list(arguments[1:]), at)


def _call_of(m: Machine, target: External, this: Values, arguments: list[Values], at: Place) -> Values:
    return m.call(m, (target.of,), this, arguments, at, "flow") if target.of is not None else UNKNOWN


def _bind(_m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    if target.of is None:
        return UNKNOWN
    return (Bound(target.of, argument(arguments, 0), tuple(arguments[1:])),)


def _reflect_apply(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    given = only(argument(arguments, 2))
    items = m.elements(given) if given is not None and given.size >= 0 else [UNKNOWN] * 4
    return call_back(m, argument(arguments, 0), argument(arguments, 1), items, at)


def _later(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    """``setTimeout`` and its like call their first argument."""
    call_back(m, argument(arguments, 0), UNDEFINED, list(arguments[2:]), at)
    return plain("number")


# Promises


def _then(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    settled = target.of.inner if target.of is not None else UNKNOWN
    first, second = argument(arguments, 0), argument(arguments, 1)
    result = call_back(m, first, UNDEFINED, [settled or UNKNOWN], at) if first != UNDEFINED else settled
    if second != UNDEFINED:
        result = join(result, call_back(m, second, UNDEFINED, [UNKNOWN], at))
    return (promise(m, result),)


def _catch(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    result = call_back(m, argument(arguments, 0), UNDEFINED, [UNKNOWN], at)
    return (promise(m, join(target.of.inner if target.of is not None else (), result)),)


def _finally(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    call_back(m, argument(arguments, 0), UNDEFINED, [], at)
    return (target.of,) if target.of is not None else UNKNOWN


def _resolve(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    return (promise(m, argument(arguments, 0)),)


def _all(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    given = only(argument(arguments, 0))
    items = m.elements(given) if given is not None and given.size >= 0 else None
    inner = (m.array([awaited(one) for one in items]),) if items is not None else array_of(m, UNKNOWN)
    return (promise(m, inner),)


def _promise_new(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    """``new Promise(executor)``: the executor runs; what it resolves to is not followed."""
    call_back(m, argument(arguments, 0), UNDEFINED, [(External("resolve", builtin=True),)] * 2, at)
    return (promise(m, UNKNOWN),)


# Maps and sets


def _map_new(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    made = Object(m.token, "map", m.region)
    if arguments and arguments[0] != UNDEFINED:
        made.rest = everything(items_of(m, arguments[0]))
        made.open = True
    return (made,)


def _set_new(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    return _map_new(m, target, this, arguments, at)


def _map_set(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is not None and of.owner is m.token:
        of.inner = join(of.inner, argument(arguments, len(arguments) - 1) if arguments else UNKNOWN)
    return (of,) if of is not None else UNKNOWN


def _map_get(_m: Machine, target: External, _this: Values, _arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is None:
        return UNKNOWN
    return join(of.inner, UNKNOWN) if of.open or not of.inner else of.inner


def _map_each(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    for value in (target.of.inner if target.of is not None else ()) or UNKNOWN:
        call_back(m, argument(arguments, 0), UNDEFINED, [(value,), UNKNOWN], at)
    return UNDEFINED


MODELS: dict[str, Model] = {
    **ARRAYS,
    "Array": array_new,
    "Array.of": array_new,
    "Object.assign": _object_assign,
    "Object.create": _object_create,
    "Object.setPrototypeOf": _set_prototype,
    "Object.getPrototypeOf": _get_prototype,
    "Object.defineProperty": _define_property,
    "Object.freeze": _first,
    "Object.seal": _first,
    "Object.values": _values,
    "Object.keys": _keys,
    "Object.entries": _entries,
    **dict.fromkeys(("function.call", "class.call"), _call),
    **dict.fromkeys(("function.apply", "class.apply"), _apply),
    **dict.fromkeys(("function.bind", "class.bind"), _bind),
    "Reflect.apply": _reflect_apply,
    **dict.fromkeys(
        ("setTimeout", "setInterval", "setImmediate", "queueMicrotask", "requestAnimationFrame", "process.nextTick",
         "window.setTimeout", "window.setInterval", "window.requestAnimationFrame", "requestIdleCallback"),
        _later,
    ),
    "promise.then": _then,
    "promise.catch": _catch,
    "promise.finally": _finally,
    "Promise.resolve": _resolve,
    "Promise.all": _all,
    "map.set": _map_set,
    "map.add": _map_set,
    "map.get": _map_get,
    "map.forEach": _map_each,
}  # fmt: skip
CONSTRUCTORS: dict[str, Model] = {
    "Promise": _promise_new,
    "Array": array_new,
    **dict.fromkeys(("Map", "WeakMap"), _map_new),
    **dict.fromkeys(("Set", "WeakSet"), _set_new),
}
# Functions of Node and React that give back, or call, what they get: too common to leave unknown.
EXTERNAL_MODELS: dict[str, Model] = {
    "util.inherits": _inherits,
    **dict.fromkeys(
        ("util.promisify", "util.deprecate", "react.useCallback", "react.default.useCallback", "react.memo",
         "react.default.memo", "react.forwardRef", "react.default.forwardRef"),
        _first,
    ),
}  # fmt: skip
