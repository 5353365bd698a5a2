"""What functions of the language itself do with the values they get: callbacks run, elements and properties move.

Used by the interpreter through tables by name. What stands in no table gives something unknown and calls nobody.
"""

from collections.abc import Callable, Sequence

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

Model = Callable[[Machine, External, Values, Sequence[Values], Place], Values]
_MAX_ITEMS = 8


def _argument(arguments: Sequence[Values], index: int) -> Values:
    return arguments[index] if index < len(arguments) else UNDEFINED


def _one(values: Values) -> Object | None:
    one = values[0] if len(values) == 1 else None
    return one if isinstance(one, Object) else None


def _items(m: Machine, values: Values) -> list[Values]:
    """The elements of the one array that is meant, or something unknown."""
    one = _one(values)
    items = m.elements(one) if one is not None and one.kind in ("array", "map", "generator") else []
    return items[:_MAX_ITEMS] or [UNKNOWN]


def _call_back(m: Machine, callback: Values, this: Values, arguments: list[Values], at: Place) -> Values:
    """The language calls a function it was given; what is not known is not called."""
    known_ones = tuple(one for one in callback if isinstance(one, Bound) or (isinstance(one, Object) and one.code))
    return m.call(m, known_ones, this, arguments, at, "callback") if known_ones else UNKNOWN


def _array_of(m: Machine, rest: Values) -> Values:
    made = Object(m.token, "array", m.region)
    made.rest = rest
    return (made,)


def _everything(items: list[Values]) -> Values:
    found: Values = ()
    for item in items:
        found = join(found, item)
    return found


# Arrays


def _for_each(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    receiver: Values = (target.of,) if target.of is not None else UNKNOWN
    for item in _items(m, receiver):
        _call_back(m, _argument(arguments, 0), _argument(arguments, 1), [item, plain("number"), receiver], at)
    return UNDEFINED


def _map(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    receiver: Values = (target.of,) if target.of is not None else UNKNOWN
    results = [
        _call_back(m, _argument(arguments, 0), _argument(arguments, 1), [item, plain("number"), receiver], at)
        for item in _items(m, receiver)
    ]
    if target.of is not None and target.of.size == len(results):
        return (m.array(results),)
    return _array_of(m, _everything(results))


def _filter(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _for_each(m, target, this, arguments, at)
    return _array_of(m, _everything(_items(m, (target.of,) if target.of is not None else UNKNOWN)))


def _find(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _for_each(m, target, this, arguments, at)
    return _everything(_items(m, (target.of,) if target.of is not None else UNKNOWN))


def _test(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _for_each(m, target, this, arguments, at)
    return plain("bool")


def _reduce(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    items = _items(m, (target.of,) if target.of is not None else UNKNOWN)
    carried = arguments[1] if len(arguments) > 1 else items[0]
    for item in items:
        carried = _call_back(m, _argument(arguments, 0), UNDEFINED, [carried, item], at)
    return carried


def _sort(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    items = _items(m, (target.of,) if target.of is not None else UNKNOWN)
    _call_back(m, _argument(arguments, 0), UNDEFINED, [items[0], items[-1]], at)
    return _array_of(m, _everything(items))


def _slice(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is None or of.size < 0:
        return _array_of(m, _everything(_items(m, (of,))) if of is not None else UNKNOWN)
    items = m.elements(of)
    begin, end = (_number(_argument(arguments, index)) for index in (0, 1))
    if (arguments and begin is None) or (len(arguments) > 1 and end is None):
        return _array_of(m, _everything(items))
    return (m.array(items[begin:end]),)


def _number(values: Values) -> int | None:
    """The whole number that values stand for."""
    one = values[0] if len(values) == 1 else None
    written = one.text if isinstance(one, Plain) and one.kind == "number" else None
    if written is None or len(written) > 9 or not written.removeprefix("-").isdecimal():
        return None
    return int(written)


def _push(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is not None and of.owner is m.token:
        for values in arguments:
            if of.size >= 0 and m.region.covers(of.region):
                m.put(of, str(of.size), values)
            else:
                of.rest, of.size = join(of.rest, values), -1
    return plain("number")


def _pop(m: Machine, target: External, _this: Values, _arguments: Sequence[Values], _at: Place) -> Values:
    return _everything(_items(m, (target.of,) if target.of is not None else UNKNOWN))


def _concat(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    found = _everything(_items(m, (target.of,) if target.of is not None else UNKNOWN))
    for values in arguments:
        one = _one(values)
        found = join(found, _everything(_items(m, values)) if one is not None and one.kind == "array" else values)
    return _array_of(m, found)


def _same(m: Machine, target: External, _this: Values, _arguments: Sequence[Values], _at: Place) -> Values:
    return (target.of,) if target.of is not None else UNKNOWN


def _array_from(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    items = _items(m, _argument(arguments, 0))
    if len(arguments) > 1:
        items = [_call_back(m, arguments[1], UNDEFINED, [item, plain("number")], at) for item in items]
    return _array_of(m, _everything(items))


def _array_new(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    return (m.array(list(arguments)),) if len(arguments) > 1 else _array_of(m, UNKNOWN)


# Objects


def _object_assign(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    into = _one(_argument(arguments, 0))
    if into is not None:
        for source in arguments[1:]:
            copy_properties(m, into, source)
    return _argument(arguments, 0)


def _object_create(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    made, above = m.object(), _argument(arguments, 0)
    made.proto = _one(above)
    made.open = made.proto is None and not all(isinstance(one, Plain) and one.kind == "null" for one in above)
    return (made,)


def _set_prototype(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of, above = _one(_argument(arguments, 0)), _one(_argument(arguments, 1))
    if of is not None and of.owner is m.token:
        of.proto, of.open = above, of.open or above is None
    return _argument(arguments, 0)


def _get_prototype(_m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = _one(_argument(arguments, 0))
    return (of.proto,) if of is not None and of.proto is not None else UNKNOWN


def _inherits(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    """``util.inherits(a, b)``: what instances of a have not, they take from b."""
    of, base = _one(_argument(arguments, 0)), _one(_argument(arguments, 1))
    mine = _one(m.member(of, "prototype")) if of is not None else None
    if mine is not None and mine.owner is m.token:
        mine.proto = _one(m.member(base, "prototype")) if base is not None else None
        mine.open = mine.open or mine.proto is None
    return UNDEFINED


def _define_property(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of, described, key = _one(_argument(arguments, 0)), _one(_argument(arguments, 2)), _argument(arguments, 1)
    name = key[0].text if len(key) == 1 and isinstance(key[0], Plain) else None
    if of is None or described is None or name is None:
        return _argument(arguments, 0)
    fields = m.properties(described)
    if "value" in fields:
        m.put(of, name, fields["value"])
    if of.owner is m.token and "get" in fields:
        of.getters = {**(of.getters or {}), name: fields["get"]}
    if of.owner is m.token and "set" in fields:
        of.setters = {**(of.setters or {}), name: fields["set"]}
    return _argument(arguments, 0)


def _first(_m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    return _argument(arguments, 0)


def _values(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = _one(_argument(arguments, 0))
    if of is None or of.open or of.kind == "module":
        return _array_of(m, UNKNOWN)
    return _array_of(m, join(_everything([m.settle(one) for one in m.properties(of).values()]), of.rest))


def _keys(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = _one(_argument(arguments, 0))
    if of is None or of.open or of.rest or of.kind == "module":
        return _array_of(m, plain("string"))
    return (m.array([(Plain("string", key),) for key in m.properties(of)]),)


def _entries(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = _one(_argument(arguments, 0))
    if of is None or of.open or of.rest or of.kind == "module":
        return _array_of(m, (m.array([plain("string"), UNKNOWN]),))
    return (m.array([(m.array([(Plain("string", key),), one]),) for key, one in m.properties(of).items()]),)


# Functions


def _apply(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    given = _one(_argument(arguments, 1))
    items = m.elements(given) if given is not None and given.size >= 0 else [UNKNOWN] * 4
    return _call_of(m, target, _argument(arguments, 0), items if len(arguments) > 1 else [], at)


def _call(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    return _call_of(m, target, _argument(arguments, 0), list(arguments[1:]), at)


def _call_of(m: Machine, target: External, this: Values, arguments: list[Values], at: Place) -> Values:
    return m.call(m, (target.of,), this, arguments, at, "flow") if target.of is not None else UNKNOWN


def _bind(_m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    if target.of is None:
        return UNKNOWN
    return (Bound(target.of, _argument(arguments, 0), tuple(arguments[1:])),)


def _reflect_apply(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    given = _one(_argument(arguments, 2))
    items = m.elements(given) if given is not None and given.size >= 0 else [UNKNOWN] * 4
    return _call_back(m, _argument(arguments, 0), _argument(arguments, 1), items, at)


def _later(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    """``setTimeout`` and its like call their first argument."""
    _call_back(m, _argument(arguments, 0), UNDEFINED, list(arguments[2:]), at)
    return plain("number")


# Promises


def _then(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    settled = target.of.inner if target.of is not None else UNKNOWN
    first, second = _argument(arguments, 0), _argument(arguments, 1)
    result = _call_back(m, first, UNDEFINED, [settled or UNKNOWN], at) if first != UNDEFINED else settled
    if second != UNDEFINED:
        result = join(result, _call_back(m, second, UNDEFINED, [UNKNOWN], at))
    return (promise(m, result),)


def _catch(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    result = _call_back(m, _argument(arguments, 0), UNDEFINED, [UNKNOWN], at)
    return (promise(m, join(target.of.inner if target.of is not None else (), result)),)


def _finally(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _call_back(m, _argument(arguments, 0), UNDEFINED, [], at)
    return (target.of,) if target.of is not None else UNKNOWN


def _resolve(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    return (promise(m, _argument(arguments, 0)),)


def _all(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    given = _one(_argument(arguments, 0))
    items = m.elements(given) if given is not None and given.size >= 0 else None
    inner = (m.array([awaited(one) for one in items]),) if items is not None else _array_of(m, UNKNOWN)
    return (promise(m, inner),)


def _promise_new(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    """``new Promise(executor)``: the executor runs; what it resolves to is not followed."""
    _call_back(m, _argument(arguments, 0), UNDEFINED, [(External("resolve", builtin=True),)] * 2, at)
    return (promise(m, UNKNOWN),)


# Maps and sets


def _map_new(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    made = Object(m.token, "map", m.region)
    if arguments and arguments[0] != UNDEFINED:
        made.rest = _everything(_items(m, arguments[0]))
        made.open = True
    return (made,)


def _set_new(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    return _map_new(m, target, this, arguments, at)


def _map_set(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is not None and of.owner is m.token:
        of.inner = join(of.inner, _argument(arguments, len(arguments) - 1) if arguments else UNKNOWN)
    return (of,) if of is not None else UNKNOWN


def _map_get(_m: Machine, target: External, _this: Values, _arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is None:
        return UNKNOWN
    return join(of.inner, UNKNOWN) if of.open or not of.inner else of.inner


def _map_each(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    for value in (target.of.inner if target.of is not None else ()) or UNKNOWN:
        _call_back(m, _argument(arguments, 0), UNDEFINED, [(value,), UNKNOWN], at)
    return UNDEFINED


MODELS: dict[str, Model] = {
    **dict.fromkeys(("array.forEach", "generator.forEach"), _for_each),
    **dict.fromkeys(("array.map", "array.flatMap", "generator.map"), _map),
    **dict.fromkeys(("array.filter", "generator.filter"), _filter),
    **dict.fromkeys(("array.find", "array.findLast"), _find),
    **dict.fromkeys(("array.some", "array.every", "array.findIndex", "array.findLastIndex"), _test),
    **dict.fromkeys(("array.reduce", "array.reduceRight"), _reduce),
    **dict.fromkeys(("array.sort", "array.toSorted"), _sort),
    **dict.fromkeys(("array.push", "array.unshift"), _push),
    **dict.fromkeys(("array.pop", "array.shift", "array.at"), _pop),
    **dict.fromkeys(("array.reverse", "array.values", "array.fill", "array.flat", "map.values"), _same),
    "array.slice": _slice,
    "array.concat": _concat,
    "Array": _array_new,
    "Array.of": _array_new,
    "Array.from": _array_from,
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
    "Array": _array_new,
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
