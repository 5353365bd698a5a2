"""What each kind of statement of ``ir`` does. Used by the interpreter through the table ``STATEMENTS``."""

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.assign import assign
from orchestrator.kg.javascript.running.calls import iterate
from orchestrator.kg.javascript.running.closures import closure
from orchestrator.kg.javascript.running.heap import imported, note_references
from orchestrator.kg.javascript.running.machine import Handler, Machine, Place
from orchestrator.kg.javascript.running.values import (
    UNDEFINED,
    UNKNOWN,
    Env,
    External,
    Imported,
    Live,
    Object,
    Plain,
    Region,
    Values,
    join,
    plain,
)

_MAX_KEYS = 30


def _inner(m: Machine, env: Env, names: list[str]) -> Env:
    return Env(m.token, m.region, env.frame, env, dict.fromkeys(names, UNDEFINED))


def _block(m: Machine, node: ir.Node, env: Env) -> Values:
    m.execute(node[2], _inner(m, env, node[1]))
    return ()


def _if(m: Machine, node: ir.Node, env: Env) -> Values:
    outer, m.region = m.region, Region(m.region)
    m.execute(node[1], env)
    m.region = outer
    return ()


def _loop(m: Machine, node: ir.Node, env: Env) -> Values:
    outer, m.region = m.region, Region(m.region)
    m.execute(node[2], _inner(m, env, node[1]))
    m.region = outer
    return ()


def _for_of(m: Machine, node: ir.Node, env: Env) -> Values:
    _, target, source, names, statements, site = node
    values = m.evaluate(source, env)
    _each(m, target, iterate(m, values, Place(env.frame.path, site, env.frame.at)), names, statements, env)
    return ()


def _for_in(m: Machine, node: ir.Node, env: Env) -> Values:
    _, target, source, names, statements = node
    keys: list[Values] = []
    for value in m.evaluate(source, env):
        if isinstance(value, Object):
            keys += [(Plain("string", key),) for key in m.properties(value)]
    _each(m, target, keys[:_MAX_KEYS] or [plain("string")], names, statements, env)
    return ()


def _each(
    m: Machine, target: ir.Node, items: list[Values], names: list[str], statements: list[ir.Node], env: Env
) -> None:
    """The body once per item: each item surely has its turn, if there is any."""
    outer = m.region
    for index, item in enumerate(items):
        if index and m.steps > m.limit:
            break
        m.region = Region(outer)
        inner = _inner(m, env, names)
        assign(m, target, item, inner)
        m.execute(statements, inner)
    m.region = outer


def _return(m: Machine, node: ir.Node, env: Env) -> Values:
    values = m.evaluate(node[1], env)
    note_references(m, env, values)
    env.frame.returns = join(env.frame.returns, values)
    return ()


def _try(m: Machine, node: ir.Node, env: Env) -> Values:
    _, tried, target, names, caught, last = node
    m.execute(tried, env)
    outer, m.region = m.region, Region(m.region)
    inner = _inner(m, env, names)
    if target is not None:
        assign(m, target, UNKNOWN, inner)
    m.execute(caught, inner)
    m.region = outer
    m.execute(last, env)
    return ()


def _declare(m: Machine, node: ir.Node, env: Env) -> Values:
    env.names[node[1]] = (closure(m, node[2], env),)
    return ()


# Modules


def _import(m: Machine, node: ir.Node, env: Env) -> Values:
    _, local, written, name = node
    path = m.find(written, env.frame.path)
    env.names[local] = (Imported(path, name),) if path is not None else imported(m, written, name, env.frame.path)
    return ()


def _namespace_of(env: Env) -> Object | None:
    at: Env | None = env
    while at is not None and at.namespace is None:
        at = at.parent
    return at.namespace if at is not None else None


def _export(_m: Machine, node: ir.Node, env: Env) -> Values:
    namespace = _namespace_of(env)
    if namespace is not None and node[2]:
        namespace.props[node[1]] = (Live(env, node[2]),)
    return ()


def _export_value(m: Machine, node: ir.Node, env: Env) -> Values:
    values = m.evaluate(node[2], env)
    note_references(m, env, values)
    namespace = _namespace_of(env)
    if namespace is not None:
        namespace.props[node[1]] = values
    return ()


def _export_from(m: Machine, node: ir.Node, env: Env) -> Values:
    _, exported, written, name = node
    path = m.find(written, env.frame.path)
    namespace = _namespace_of(env)
    if namespace is not None:
        value = (Imported(path, name),) if path is not None else imported(m, written, name, env.frame.path)
        namespace.props[exported] = value
    return ()


def _export_all(m: Machine, node: ir.Node, env: Env) -> Values:
    path = m.find(node[1], env.frame.path)
    module = m.modules.get(env.frame.path)
    if path is not None and module is not None:
        module.stars.append(path)
    return ()


def _export_equals(m: Machine, node: ir.Node, env: Env) -> Values:
    namespace = _namespace_of(env)
    if namespace is not None:
        namespace.props["export="] = m.evaluate(node[1], env)
    return ()


def _namespace(m: Machine, node: ir.Node, env: Env) -> Values:
    _, name, names, statements = node
    existing = m.lookup(env, name)
    one = existing[0] if len(existing) == 1 else None
    made = one if isinstance(one, Object) and one.owner is m.token else m.object()
    if made is not one:
        m.assign(env, name, (made,))
    inner = _inner(m, env, names)
    inner.namespace = made
    m.execute(statements, inner)
    return ()


def _decorate(m: Machine, node: ir.Node, env: Env) -> Values:
    _, at, expression, site = node
    values = m.evaluate(expression, env)
    if site >= 0:
        m.call(m, values, UNDEFINED, [UNKNOWN], Place(env.frame.path, site, env.frame.at), "decorator")
    elif expression[0] == ir.CHAIN and expression[2][-1][0] == ir.CALL:
        steps = expression[2][:-1]
        values = m.evaluate([ir.CHAIN, expression[1], steps] if steps else expression[1], env)
    one = values[0] if len(values) == 1 else None
    kept = m.record.decorated.setdefault(env.frame.path, {})
    if at >= 0 and isinstance(one, Object) and one.code is not None:
        kept[at, one.code.ref] = None
    elif at >= 0 and isinstance(one, External) and not one.builtin:
        kept[at, SymbolRef("", -1, one.name)] = None
    return ()


STATEMENTS: dict[int, Handler] = {
    ir.BLOCK: _block,
    ir.IF: _if,
    ir.LOOP: _loop,
    ir.FOR_OF: _for_of,
    ir.FOR_IN: _for_in,
    ir.RETURN: _return,
    ir.TRY: _try,
    ir.DECLARE: _declare,
    ir.IMPORT: _import,
    ir.EXPORT: _export,
    ir.EXPORT_VALUE: _export_value,
    ir.EXPORT_FROM: _export_from,
    ir.EXPORT_ALL: _export_all,
    ir.EXPORT_EQUALS: _export_equals,
    ir.NAMESPACE: _namespace,
    ir.DECORATE: _decorate,
}
