"""Sees who calls whom, and what runs during which test, in a Python program that knows nothing of it.

Put into a process by ``sitecustomize`` beside it. Only code below one root counts. Uses ``sys.monitoring`` where there
is one (3.12), else ``sys.setprofile``. Changes nothing the program sees: an error of ours ends the tracing, and
another profiler is left alone. A generator or coroutine is called by whoever runs its first step.
"""

import contextlib
import importlib.util
import os
import sys
import threading
from types import CodeType, FrameType, ModuleType
from typing import Any, Callable, Container, Dict, Iterator, Optional, Sequence, Set

from orchestrator_trace_file import Full, Recorder

ROOT, FOLDER = "ORCHESTRATOR_TRACE_ROOT", "ORCHESTRATOR_TRACE_FOLDER"
PYTEST_PLUGIN = "orchestrator_trace_pytest"
QUIET_CALLS = 20_000
QUIET_RUNS, WATCHED_OF_QUIET = 16, 8
_GENERATOR = 0x20 | 0x80 | 0x200  # generators, coroutines, asynchronous generators


class Tracer:
    """What both ways of seeing calls share: the recorder, its lock, tests, and the end when something goes wrong.

    ``_hot`` is what the fast path knows, by identity of code: the callers already seen in this test, or everything.
    """

    def __init__(self, root: str, folder: str) -> None:
        self._root, self._folder = root, folder
        self._hot: Dict[int, Container[int]] = {}
        self._learned: Dict[int, Set[int]] = {}
        self.in_test = self._ended = self._skipping = self._stopped = self.may_rest = False
        self._quiet_runs = self._told = 0
        self._renew()

    def _renew(self) -> None:
        """Begin anew: at first, and in a forked child, which writes a file of its own."""
        self._lock, self._owner = threading.Lock(), 0
        self._recorder = Recorder(self._root, self._folder)
        self._hot.clear()

    def resume(self) -> None:
        """See calls from now on."""
        raise NotImplementedError

    def pause(self) -> bool:
        """Stop seeing calls; whether it did before."""
        raise NotImplementedError

    def imports(self, path: Optional[Sequence[str]]) -> None:
        """A module is about to be imported, below the folders of ``path`` if it is in a package."""

    @contextlib.contextmanager
    def resumed(self) -> Iterator[None]:
        """Sees calls meanwhile."""
        self.resume()
        try:
            yield
        finally:
            self.pause()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Sees no calls meanwhile."""
        was_on = self.pause()
        try:
            yield
        finally:
            if was_on:
                self.resume()

    def begin_test(self, code: Optional[CodeType], path: str = "", name: str = "") -> None:
        """What runs from now on belongs to this test; known by its code, or by a file and a name in it."""
        self.in_test = True
        self._record(lambda to: self._begin(to, (to.number(code) if code else 0) or to.named(path, name)))

    def end_test(self) -> None:
        """What runs from now on belongs to no test, unless the same one goes on with other parameters."""
        self.in_test = self._skipping = False
        self._ended = True

    def _begin(self, to: Recorder, test: int) -> None:
        """Another test, or a further run of the same one: after many that told nothing new, only some are watched."""
        self._ended = False
        if to.begin_test(test):
            self._quiet_runs = 0
            self._forget()
        else:
            self._quiet_runs = self._quiet_runs + 1 if to.told == self._told else 0
        self._told = to.told
        self._skipping = self._quiet_runs > QUIET_RUNS and self._quiet_runs % WATCHED_OF_QUIET != 0

    def _forget(self) -> None:
        """In another test all code counts anew, but for code outside of the tree."""
        for key in self._learned:
            self._hot.pop(key, None)
        self._learned.clear()

    def _leave_test(self, to: Recorder) -> None:
        """Something runs after a test and before another one."""
        self._ended = False
        to.begin_test(0)
        self._forget()

    def _see(self, code: CodeType, back: Optional[FrameType], *, called: bool = True) -> Optional[int]:
        """Code began to run (``called``) or went on: its number, 0 if it is not of the tree, None if unknown now."""
        if self._ended:
            self._record(self._leave_test)
        me = threading.get_ident()  # the same as _record, written out: each test passes here some hundred times
        if self._owner == me or self._stopped:
            return None
        with self._lock:
            self._owner = me
            try:
                number: int = self._recorder.see(code, back, called)
            except (Full, OSError):
                self._stop()
                return None
            finally:
                self._owner = 0
        return number

    def _record(self, note: Callable[[Recorder], Any]) -> Any:
        """Do it under the lock; nothing where this thread holds it: then it is our own work that is seen."""
        if self._owner == threading.get_ident() or self._stopped:
            return None
        with self._lock:
            self._owner = threading.get_ident()
            try:
                return note(self._recorder)
            except (Full, OSError):
                self._stop()
                return None
            finally:
                self._owner = 0

    def _learn(self, code: CodeType, back: Optional[FrameType]) -> None:
        known = self._learned.get(id(code))
        if known is None:
            known = self._learned[id(code)] = self._hot[id(code)] = set()
        known.add(id(back.f_code) if back is not None else 0)

    def _stop(self) -> None:
        """See nothing any more."""
        self._stopped = True
        self.pause()


class _Everything(Container[int]):
    def __contains__(self, _: object) -> bool:
        return True


class ProfileTracer(Tracer):
    """``sys.setprofile``: every call of everything comes by, so the common case is two look-ups by identity.

    A test that shows nothing new for long is watched no further: its loops would cost, and tell nothing.
    """

    def __init__(self, root: str, folder: str) -> None:
        super().__init__(root, folder)
        self._resting = False
        self._profile = self._make_profile()

    def resume(self) -> None:
        """See calls of this thread and of threads started from now on."""
        self._resting = False
        free = sys.getprofile() in (None, self._profile)
        if free and not self._stopped and not self._skipping:
            self._profile = self._make_profile()
            sys.setprofile(self._profile)
            threading.setprofile(self._profile)

    def pause(self) -> bool:
        """See none in this thread."""
        if sys.getprofile() is not self._profile:
            return False
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        return True

    def imports(self, path: Optional[Sequence[str]]) -> None:
        """What is imported may be of the tree, and is then worth a look."""
        if self._resting and (path is None or any(str(one).startswith(self._root) for one in path)):
            self.resume()

    def _rest(self) -> None:
        """Nothing new for long: look away until the next phase of a test, or import, where these are sure to come."""
        if self.in_test or self.may_rest or self._stopped:
            self._resting = self.pause()

    def _make_profile(self) -> Callable[[FrameType, str, Any], None]:
        hot, slow, outside, left = self._hot, self._first, _OUTSIDE, QUIET_CALLS

        def profile(frame: FrameType, event: str, _: Any) -> None:
            nonlocal left
            if event == "call":
                callers = hot.get(id(frame.f_code))
                if callers is not outside:
                    back = frame.f_back
                    new = callers is None or back is None or id(back.f_code) not in callers
                    if new and slow(frame, back):
                        left = QUIET_CALLS
                        return
                left -= 1
                if left < 0:
                    left = QUIET_CALLS
                    self._rest()

        return profile

    def _first(self, frame: FrameType, back: Optional[FrameType]) -> bool:
        """A call this test has not seen yet, or code that must be looked at each time; whether it told anything new."""
        code, known = frame.f_code, self._recorder.told
        resumable = code.co_flags & _GENERATOR
        number = self._see(code, back, called=not resumable or frame.f_lasti <= _first_step(code))
        if number and not resumable:
            self._learn(code, back)
        elif number == 0:
            self._hot[id(code)] = _OUTSIDE
        return bool(self._recorder.told != known)


_OUTSIDE = _Everything()
_FIRST_STEPS: Dict[int, int] = {}


def _first_step(code: CodeType) -> int:
    """The last instruction a generator has run when it is entered for the first time."""
    if sys.version_info < (3, 11):
        return -1
    step = _FIRST_STEPS.get(id(code))
    if step is None:
        opcode = importlib.import_module("opcode").opmap["RETURN_GENERATOR"]
        step = _FIRST_STEPS[id(code)] = 2 * code.co_code[::2].index(opcode) + 4
    return step


class MonitoringTracer(Tracer):
    """``sys.monitoring``: code outside the tree is disabled when it is first seen, and costs nothing after that."""

    def __init__(self, root: str, folder: str, tool: int) -> None:
        super().__init__(root, folder)
        self._tool = tool
        monitoring = sys.monitoring  # type: ignore[attr-defined]
        monitoring.use_tool_id(tool, "orchestrator")
        monitoring.register_callback(tool, monitoring.events.PY_START, self._make_started(monitoring.DISABLE))

    def resume(self) -> None:
        """See calls of all threads."""
        if not self._stopped:
            monitoring = sys.monitoring  # type: ignore[attr-defined]
            monitoring.set_events(self._tool, monitoring.events.PY_START)

    def pause(self) -> bool:
        """Nothing: what is not of the tree costs nothing, and switching costs more."""
        return False

    def _make_started(self, disable: object) -> Callable[[CodeType, int], object]:
        hot, slow, frame_of = self._hot, self._first, sys._getframe

        def started(code: CodeType, _: int) -> object:
            callers = hot.get(id(code))
            back = frame_of(1).f_back
            if callers is not None and (back is None or id(back.f_code) in callers):
                return None
            return disable if slow(code, back) == 0 else None

        return started

    def _first(self, code: CodeType, back: Optional[FrameType]) -> Optional[int]:
        """A call that this test has not seen yet; 0 for code outside of the tree."""
        number = self._see(code, back)
        if number:
            self._learn(code, back)
        return number

    def _stop(self) -> None:
        super()._stop()
        sys.monitoring.set_events(self._tool, 0)  # type: ignore[attr-defined]


running: Optional[Tracer] = None


def start() -> None:
    """Trace this process, if the environment says so."""
    global running  # one per process; the pytest plugin finds it here
    root, folder = os.environ.get(ROOT), os.environ.get(FOLDER)
    if not root or not folder or not os.path.isdir(folder) or running is not None:
        return
    running = _tracer(root, folder)
    if running is not None:
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=running._renew)
        sys.meta_path.insert(0, _WhenImported(running))
        running.resume()


def _tracer(root: str, folder: str) -> Optional[Tracer]:
    if sys.version_info < (3, 12):
        return ProfileTracer(root, folder)
    free = [tool for tool in (4, 3) if sys.monitoring.get_tool(tool) is None]
    return MonitoringTracer(root, folder, free[0]) if free else None


class _WhenImported:
    """Tells test runners of the tracer as soon as they are imported, without importing them."""

    def __init__(self, tracer: Tracer) -> None:
        self._then = {
            "unittest.case": self._unittest,
            "_pytest.config": self._pytest,
            "_pytest.assertion.rewrite": self._rewriting,
        }
        self._tracer = tracer

    def find_spec(self, name: str, path: Any = None, target: Optional[ModuleType] = None) -> Any:
        """None, or for a test runner its own spec with a loader that goes on after loading."""
        self._tracer.imports(path)
        then = self._then.pop(name, None)
        spec = importlib.util.find_spec(name) if then is not None else None
        if spec is None or spec.loader is None or then is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            then(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def _pytest(self, module: ModuleType) -> None:
        plugins = getattr(module, "default_plugins", None)
        if isinstance(plugins, tuple):
            module.default_plugins = (*plugins, PYTEST_PLUGIN)  # type: ignore[attr-defined]
            self._tracer.may_rest = True

    def _rewriting(self, module: ModuleType) -> None:
        """pytest rewrites a test module before it runs it: much work of its own, and then something to see."""
        tracer = self._tracer
        plain: Any = getattr(module, "_rewrite_test", None)

        def rewrite(*given: Any) -> Any:
            with tracer.paused():
                rewritten = plain(*given)
            tracer.resume()
            return rewritten

        if plain is not None:
            module._rewrite_test = rewrite  # type: ignore[attr-defined]

    def _unittest(self, module: ModuleType) -> None:
        tracer, plain = self._tracer, module.TestCase.run

        def run(self: Any, result: Any = None) -> Any:
            if tracer.in_test:
                return plain(self, result)
            method = code_of(getattr(self, self._testMethodName, None))
            tracer.resume()
            tracer.begin_test(method)
            try:
                return plain(self, result)
            finally:
                tracer.end_test()
                tracer.resume()

        run.__doc__, run.__wrapped__ = plain.__doc__, plain  # type: ignore[attr-defined]
        module.TestCase.run = run  # type: ignore[attr-defined]


def code_of(function: Any) -> Optional[CodeType]:
    """The code of a function or method, of what a decorator wrapped where it tells."""
    for _ in range(20):
        function = getattr(function, "__func__", function)
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None
