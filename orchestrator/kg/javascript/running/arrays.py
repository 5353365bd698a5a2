"""What arrays do with the values they hold and the functions they get. Used by ``models``."""

from collections.abc import Callable, Sequence

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


def argument(arguments: Sequence[Values], index: int) -> Values:
    """One argument of a call, undefined where it was not given."""
    return arguments[index] if index < len(arguments) else UNDEFINED


def only(values: Values) -> Object | None:
    """The one object that values are, or None."""
    one = values[0] if len(values) == 1 else None
    return one if isinstance(one, Object) else None


def items_of(m: Machine, values: Values) -> list[Values]:
    """The elements of the one array that is meant, or something unknown."""
    one = only(values)
    items = m.elements(one) if one is not None and one.kind in ("array", "map", "generator") else []
    return items[:_MAX_ITEMS] or [UNKNOWN]


def call_back(m: Machine, callback: Values, this: Values, arguments: list[Values], at: Place) -> Values:
    """The language calls a function it was given; what is not known is not called."""
    known_ones = tuple(one for one in callback if isinstance(one, Bound) or (isinstance(one, Object) and one.code))
    return m.call(m, known_ones, this, arguments, at, "callback") if known_ones else UNKNOWN


def array_of(m: Machine, rest: Values) -> Values:
    """An array of which only is known what may be in it."""
    made = Object(m.token, "array", m.region)
    made.rest = rest
    return (made,)


def everything(items: list[Values]) -> Values:
    """All that any of the items can be."""
    found: Values = ()
    for item in items:
        found = join(found, item)
    return found


# Arrays


def _for_each(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    receiver: Values = (target.of,) if target.of is not None else UNKNOWN
    for item in items_of(m, receiver):
        call_back(m, argument(arguments, 0), argument(arguments, 1), [item, plain("number"), receiver], at)
    return UNDEFINED


def _map(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    receiver: Values = (target.of,) if target.of is not None else UNKNOWN
    results = [
        call_back(m, argument(arguments, 0), argument(arguments, 1), [item, plain("number"), receiver], at)
        for item in items_of(m, receiver)
    ]
    if target.of is not None and target.of.size == len(results):
        return (m.array(results),)
    return array_of(m, everything(results))


def _filter(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _for_each(m, target, this, arguments, at)
    return array_of(m, everything(items_of(m, (target.of,) if target.of is not None else UNKNOWN)))


def _find(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _for_each(m, target, this, arguments, at)
    return everything(items_of(m, (target.of,) if target.of is not None else UNKNOWN))


def _test(m: Machine, target: External, this: Values, arguments: Sequence[Values], at: Place) -> Values:
    _for_each(m, target, this, arguments, at)
    return plain("bool")


def _reduce(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    items = items_of(m, (target.of,) if target.of is not None else UNKNOWN)
    carried = arguments[1] if len(arguments) > 1 else items[0]
    for item in items:
        carried = call_back(m, argument(arguments, 0), UNDEFINED, [carried, item], at)
    return carried


def _sort(m: Machine, target: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    items = items_of(m, (target.of,) if target.of is not None else UNKNOWN)
    call_back(m, argument(arguments, 0), UNDEFINED, [items[0], items[-1]], at)
    return array_of(m, everything(items))


def _slice(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    of = target.of
    if of is None or of.size < 0:
        return array_of(m, everything(items_of(m, (of,))) if of is not None else UNKNOWN)
    items = m.elements(of)
    begin, end = (_number(argument(arguments, index)) for index in (0, 1))
    if (arguments and begin is None) or (len(arguments) > 1 and end is None):
        return array_of(m, everything(items))
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
    return everything(items_of(m, (target.of,) if target.of is not None else UNKNOWN))


def _concat(m: Machine, target: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    found = everything(items_of(m, (target.of,) if target.of is not None else UNKNOWN))
    for values in arguments:
        one = only(values)
        found = join(found, everything(items_of(m, values)) if one is not None and one.kind == "array" else values)
    return array_of(m, found)


def _same(m: Machine, target: External, _this: Values, _arguments: Sequence[Values], _at: Place) -> Values:
    return (target.of,) if target.of is not None else UNKNOWN


def _array_from(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], at: Place) -> Values:
    items = items_of(m, argument(arguments, 0))
    if len(arguments) > 1:
        items = [call_back(m, arguments[1], UNDEFINED, [item, plain("number")], at) for item in items]
    return array_of(m, everything(items))


def array_new(m: Machine, _t: External, _this: Values, arguments: Sequence[Values], _at: Place) -> Values:
    """``Array(…)`` and ``Array.of``."""
    return (m.array(list(arguments)),) if len(arguments) > 1 else array_of(m, UNKNOWN)


ARRAYS: dict[str, Model] = {
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
    "Array.from": _array_from,
}
