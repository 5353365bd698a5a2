"""Calls: which function runs, with which ``this`` and arguments, and what comes back. Used by the interpreter.

A function runs anew for each different set of arguments, within limits; past them, what it gave for unknown arguments
stands for all.
"""

from dataclasses import replace

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.heap import promise
from orchestrator.kg.javascript.running.machine import Machine, Place
from orchestrator.kg.javascript.running.models import CONSTRUCTORS, EXTERNAL_MODELS, MODELS
from orchestrator.kg.javascript.running.record import Site
from orchestrator.kg.javascript.running.values import (
    UNDEFINED,
    UNKNOWN,
    Bound,
    Code,
    Env,
    External,
    Frame,
    Object,
    Plain,
    Region,
    Value,
    Values,
    join,
    known,
)

MAX_CALLS = 12
_MAX_CONTEXTS = 12
_MAX_TARGETS = 8
_MAX_BASES = 20
_LONGEST_KEY = 40
_MAX_ITEMS = 8


def call(m: Machine, callees: Values, this: Values, arguments: list[Values], at: Place, rule: str) -> Values:
    """Call all that the callee can be."""
    targets = [value for value in callees if _callable(value)]
    certain = at.sure and known(callees) and len(targets) == 1
    _note_receiver(m, at, this, rule)
    if not targets:
        _site(m, at).blank = True
        return UNKNOWN
    outer = m.region
    result: Values = ()
    for target in targets[:_MAX_TARGETS]:
        if not certain:
            m.region = Region(outer)
        result = join(result, _call_one(m, target, this, arguments, at, rule, certain=certain))
    m.region = outer
    if not known(callees):
        _site(m, at).blank = True
        result = join(result, UNKNOWN)
    return result


def _callable(value: Value) -> bool:
    return isinstance(value, External | Bound) or (isinstance(value, Object) and value.code is not None)


def _call_one(
    m: Machine, target: Value, this: Values, arguments: list[Values], at: Place, rule: str, *, certain: bool
) -> Values:
    if not certain and at.sure:
        at = replace(at, sure=False)
    if isinstance(target, Bound):
        return m.call(m, (target.function,), target.this, [*target.arguments, *arguments], at, "flow")
    if isinstance(target, External):
        return _call_external(m, target, this, arguments, at, rule, certain=certain)
    assert isinstance(target, Object)
    assert target.code is not None
    note(m, at, target.code.ref, rule, certain=certain)
    return run(m, target, this, arguments)


def _call_external(
    m: Machine, target: External, this: Values, arguments: list[Values], at: Place, rule: str, *, certain: bool
) -> Values:
    if target.builtin:
        _site(m, at).builtin = True
        model = MODELS.get(target.name)
        return model(m, target, this, arguments, at) if model is not None else UNKNOWN
    note(m, at, SymbolRef("", -1, target.name), "external" if rule != "decorator" else rule, certain=certain)
    model = EXTERNAL_MODELS.get(target.name.removeprefix("node:"))
    return model(m, target, this, arguments, at) if model is not None else UNKNOWN


def _site(m: Machine, at: Place) -> Site:
    if at.site >= 0:
        return m.record.site(at.path, at.site)
    return m.record.accessor(at.path, at.scope, at.line, at.name)


def note(m: Machine, at: Place, ref: SymbolRef, rule: str, *, certain: bool, made: SymbolRef | None = None) -> None:
    """A site leads to a definition."""
    site = _site(m, at)
    rule = "flow" if rule == "object" else rule
    if certain:
        site.certain.setdefault(ref, (rule, made))
    else:
        site.possible.setdefault(ref, "several")


def _note_receiver(m: Machine, at: Place, this: Values, rule: str) -> None:
    """Where the receiver stands for any instance of a class, what subclasses have may run instead."""
    one = this[0] if len(this) == 1 else None
    if rule in ("self", "instance") and isinstance(one, Object) and one.typed and one.proto is not None:
        maker = m.properties(one.proto).get("constructor", ())
        if len(maker) == 1 and isinstance(maker[0], Object) and maker[0].code is not None:
            _site(m, at).virtual[maker[0].code.ref] = None


# Running a function


def run(m: Machine, function: Object, this: Values, arguments: list[Values]) -> Values:
    """What a function gives back for these arguments; its effects happen."""
    code = function.code
    assert code is not None
    if function.kind == "class":
        return UNKNOWN
    key = (function, _key(this), tuple(_key(one) for one in arguments))
    found = m.results.get(key)
    if found is not None:
        return found
    ref = (code.ref.path, code.ref.at)
    if function.owner is not m.token and not _matters(m, this, arguments):
        summary = m.summary(ref)
        if summary is not None:
            return summary
    times = m.executed.get(ref, 0)
    if times >= _MAX_CONTEXTS or m.calls >= MAX_CALLS or m.steps > m.limit:
        return m.summary(ref) or _declared_result(m, function)
    m.executed[ref] = times + 1
    m.results[key] = ()
    m.calls += 1
    result = m.results[key] = body(m, function, this, arguments)
    m.calls -= 1
    return result


def _key(values: Values) -> tuple[object, ...]:
    return tuple(
        (one.kind, one.text if one.text is not None and len(one.text) <= _LONGEST_KEY else None)
        if isinstance(one, Plain)
        else one
        for one in values
    )


def _matters(m: Machine, this: Values, arguments: list[Values]) -> bool:
    """Whether something of this unit is given to a function of another one, so that it may flow there."""
    return any(
        isinstance(value, Bound) or (isinstance(value, Object) and value.owner is m.token)
        for values in (this, *arguments)
        for value in values
    )


def _declared_result(m: Machine, function: Object) -> Values:
    code = function.code
    if code is None or len(code.program) <= 5:
        return UNKNOWN
    m.use(code.ref[:2])
    return declared(m, code.program[5], code.env, UNKNOWN)


def body(m: Machine, function: Object, this: Values, arguments: list[Values] | None) -> Values:
    """Run a function's statements. ``arguments`` of None are any."""
    code = function.code
    assert code is not None
    _, flags, parameters, names, statements, returns, own = code.program
    m.use(code.ref[:2])
    outer = code.env.frame
    arrow = flags & ir.ARROW
    frame = Frame(
        code.ref.path, code.ref.at, outer.this if arrow else this, outer.function if arrow else function,
        arguments=outer.arguments if arrow else tuple(arguments or ()),
    )  # fmt: skip
    env = Env(m.token, m.region, frame, code.env, dict.fromkeys(names, UNDEFINED))
    if own:
        env.names.setdefault(own, (function,))
    for index, parameter in enumerate(parameters):
        if parameter[0] == ir.SPREAD:
            rest = (
                m.array(arguments[index:])
                if arguments is not None
                else Object(m.token, "array", m.region, rest=UNKNOWN)
            )
            m.bind(parameter[1], (rest,), env)
        elif arguments is None:
            m.bind(parameter, UNKNOWN, env)
        else:
            m.bind(parameter, arguments[index] if index < len(arguments) else UNDEFINED, env)
    m.execute(statements, env)
    if flags & ir.GENERATOR:
        made = Object(m.token, "generator", m.region)
        made.inner = frame.yields
        return (made,)
    result = frame.returns or UNDEFINED
    if flags & ir.ASYNC:
        result = (promise(m, result),)
        inner = result[0].inner if isinstance(result[0], Object) else ()
        return declared(m, returns, code.env, UNKNOWN) if not known(inner) and returns.startswith("~") else result
    return declared(m, returns, code.env, result)


# Making instances


def construct(
    m: Machine, callees: Values, arguments: list[Values], at: Place, rule: str, *, this: Values = ()
) -> Values:
    """``new callee(…)``, or ``super(…)`` on the ``this`` that is being made."""
    targets = [value for value in callees if _callable(value)]
    certain = at.sure and known(callees) and len(targets) == 1
    if not known(callees):
        _site(m, at).blank = True
    outer = m.region
    result: Values = () if known(callees) and targets else UNKNOWN
    for target in targets[:_MAX_TARGETS]:
        if not certain:
            m.region = Region(outer)
        if isinstance(target, Object):
            ref, made = _constructor(target), target.code.ref if target.code and target.kind == "class" else None
            if this and ref == made:  # super() of a class that has no constructor to run
                _site(m, at).builtin = True
            else:
                note(m, at, ref, rule, certain=certain, made=None if this else made)
            result = join(result, _make(m, target, arguments, this))
        elif isinstance(target, External):
            result = join(result, _make_external(m, target, arguments, at, certain=certain))
        else:
            result = join(result, UNKNOWN)
    m.region = outer
    return result


def _make_external(m: Machine, target: External, arguments: list[Values], at: Place, *, certain: bool) -> Values:
    if not target.builtin:
        note(m, at, SymbolRef("", -1, target.name), "external", certain=certain)
        return (External(target.name),)
    _site(m, at).builtin = True
    model = CONSTRUCTORS.get(target.name)
    return model(m, target, (), arguments, at) if model is not None else (External(target.name, builtin=True),)


def _constructor(of: Object) -> SymbolRef:
    """The constructor that runs, own or inherited; the class itself where there is none."""
    assert of.code is not None
    at: Object | None = of
    for _ in range(_MAX_BASES):
        if at is None or at.code is None:
            break
        if at.kind == "function":
            return at.code.ref
        if at.code.constructor is not None and at.code.constructor.code is not None:
            return at.code.constructor.code.ref
        at = at.proto
    return of.code.ref


def _make(m: Machine, of: Object, arguments: list[Values], this: Values) -> Values:
    """An instance, its fields and what its constructor does to it."""
    if not this:
        above = m.member(of, "prototype")
        made = m.object()
        made.proto = above[0] if len(above) == 1 and isinstance(above[0], Object) else None
        made.open = made.proto is None
        this = (made,)
    if m.calls >= MAX_CALLS or m.steps > m.limit:
        return this
    m.calls += 1
    _initialize(m, of, arguments, this, 0)
    m.calls -= 1
    return this


def _initialize(m: Machine, of: Object, arguments: list[Values], this: Values, depth: int) -> None:
    code = of.code
    if code is None or depth > _MAX_BASES:
        return
    m.use(code.ref[:2])
    if of.kind == "function":
        run(m, of, this, arguments)
        return
    if code.constructor is None and len(code.base) == 1 and isinstance(code.base[0], Object):
        _initialize(m, code.base[0], arguments, this, depth + 1)
    if code.fields:
        frame = Frame(code.ref.path, code.ref.at, this, _in_class(m, of))
        env = Env(m.token, m.region, frame, code.env)
        for name, value in code.fields:
            values = m.evaluate(value, env) if value is not None else UNDEFINED
            for one in this:
                if isinstance(one, Object):
                    m.put(one, name, values)
    if code.constructor is not None:
        run(m, code.constructor, this, arguments)


def _in_class(m: Machine, of: Object) -> Object | None:
    """A function that stands for the fields of a class: ``super`` in them is that of its instances."""
    above = m.member(of, "prototype")
    home = above[0] if len(above) == 1 and isinstance(above[0], Object) else None
    if of.code is None:
        return None
    return Object(m.token, "function", m.region, code=Code(of.code.ref, of.code.program, of.code.env, home=home))


def instance_of(m: Machine, of: Object) -> Object:
    """The object that stands for any instance of a class, made by its constructor with any arguments."""
    found = m.instances.get(of) or (of.code.instance if of.code is not None and of.owner is not m.token else None)
    if found is not None:
        return found
    above = m.member(of, "prototype")
    made = m.object()
    made.proto = above[0] if len(above) == 1 and isinstance(above[0], Object) else None
    made.typed = True
    m.instances[of] = made
    if of.owner is m.token and of.code is not None:
        of.code.instance = made
    outer, m.region = m.region, Region(m.region)
    if m.calls < MAX_CALLS:
        m.calls += 1
        _initialize(m, of, [UNKNOWN] * 8, (made,), 0)
        m.calls -= 1
    m.region = outer
    return made


def declared(m: Machine, name: str, env: Env, values: Values) -> Values:
    """Values of a declared type: what is unknown is some instance of the class the type names."""
    if not name or known(values):
        return values
    dotted = name.removeprefix("~").split(".")
    found = m.lookup(env, dotted[0])
    for part in dotted[1:]:
        found = m.get(found, part)
    if len(found) != 1 or not isinstance(found[0], Object) or found[0].kind != "class":
        return values
    one: Values = (instance_of(m, found[0]),)
    one = (promise(m, one),) if name.startswith("~") else one
    return join(tuple(value for value in values if value != UNKNOWN[0]), one)


# Iterating


def iterate(m: Machine, values: Values, at: Place) -> list[Values]:
    """What ``for … of`` goes through, item by item; iterators of our own are called."""
    items: list[Values] = []
    for value in values:
        if not isinstance(value, Object):
            items.append(UNKNOWN)
        elif value.kind in ("array", "generator", "map"):
            _site(m, at).builtin = True
            items += m.elements(value)
        else:
            method = m.member(value, "[Symbol.iterator]")
            items += _iterated(m, m.call(m, method, (value,), [], at, "instance"), at)
    return items[:_MAX_ITEMS] or [UNKNOWN]


def _iterated(m: Machine, iterators: Values, at: Place) -> list[Values]:
    items: list[Values] = []
    for one in iterators:
        if isinstance(one, Object) and one.kind in ("generator", "array"):
            items += m.elements(one)
        elif isinstance(one, Object):
            step = m.call(m, m.member(one, "next"), (one,), [], at, "instance")
            items.append(m.get(step, "value"))
    return items
