"""Runs one unit: its modules in the order they import each other, then every function that nobody called.

Methods of classes run even if somebody called them: what called them may have been an instance of a subclass.

A unit is a circle of files that import each other, mostly one file. Used by the JavaScript linker.
"""

from collections.abc import Callable, Mapping, Sequence

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.assign import assign
from orchestrator.kg.javascript.running.calls import body, call, instance_of
from orchestrator.kg.javascript.running.evaluate import EXPRESSIONS
from orchestrator.kg.javascript.running.execute import STATEMENTS
from orchestrator.kg.javascript.running.machine import Machine, Module
from orchestrator.kg.javascript.running.values import UNDEFINED, UNKNOWN, Env, Frame, Object, Region, Values

_TABLE = EXPRESSIONS | STATEMENTS
# Steps a module may take beside its own statements to look into what it calls, and a function that nobody called.
_MODULE_STEPS = 20_000
_ENTRY_STEPS = 500
_MAX_CREATED = 40_000


def run_unit(
    paths: Sequence[str],
    programs: Callable[[str], list[ir.Node]],
    find: Callable[[str, str], str | None],
    done: Mapping[str, Module],
    summaries: Mapping[tuple[str, int], Values],
) -> Machine:
    """Run the files of a unit, given in the order in which they are to start."""
    m = Machine(programs, find, done, _TABLE, call, assign, summaries)
    for path in paths:
        m.modules[path] = _prepare(m, path, programs(path)[0])
    for path in paths:
        m.limit = m.steps + _MODULE_STEPS
        m.execute(programs(path)[0][4], m.modules[path].env)
    m.started = True
    at = 0
    while at < min(len(m.created), _MAX_CREATED):  # what runs makes more
        _enter(m, m.created[at])
        at += 1
    return m


def _prepare(m: Machine, path: str, program: ir.Node) -> Module:
    exports, commonjs, namespace = m.object(), m.object(), Object(m.token, "module", m.region)
    commonjs.props["exports"] = (exports,)
    namespace.path = path
    frame = Frame(path, 0, (exports,))
    env = Env(m.token, m.region, frame, None, dict.fromkeys(program[3], UNDEFINED))
    env.namespace = namespace
    env.names.setdefault("exports", (exports,))
    env.names.setdefault("module", (commonjs,))
    statements = program[4]
    is_es = any(ir.IMPORT <= one[0] <= ir.EXPORT_EQUALS for one in statements)
    return Module(path, env, namespace, commonjs, is_es)


def _enter(m: Machine, function: Object) -> None:
    """Run a function that nobody in the unit called, or a method, with any arguments."""
    code = function.code
    assert code is not None
    m.limit = m.steps + _ENTRY_STEPS
    if function.kind == "class":
        instance_of(m, function)
        return
    ref = (code.ref.path, code.ref.at)
    if ref in m.executed and not _is_method(m, code.home):
        return
    m.executed.setdefault(ref, 1)
    outer, m.region = m.region, Region(m.region)
    m.calls = 1
    result = body(m, function, _this(m, code.home), None)
    m.calls = 0
    m.region = outer
    if code.env.frame.at == 0 or code.home is not None:
        m.summaries[ref] = result


def _is_method(m: Machine, home: Object | None) -> bool:
    maker = m.properties(home).get("constructor", ()) if home is not None and home.kind == "object" else ()
    return len(maker) == 1 and isinstance(maker[0], Object) and maker[0].kind == "class"


def _this(m: Machine, home: Object | None) -> Values:
    """What ``this`` is in a method that nobody called: any instance of its class, or the object it stands in."""
    if home is None:
        return UNKNOWN
    maker = m.properties(home).get("constructor", ()) if home.kind == "object" else ()
    if len(maker) == 1 and isinstance(maker[0], Object) and maker[0].code is not None:
        return (instance_of(m, maker[0]),)
    return (home,)
