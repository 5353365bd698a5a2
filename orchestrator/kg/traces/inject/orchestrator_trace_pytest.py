"""Tells the tracer which test of pytest runs, and keeps it from looking at pytest's own work, by public hooks only."""

import sys
from typing import Any, Generator

import pytest

_tracer = sys.modules["orchestrator_trace"].running
assert _tracer is not None


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: Any) -> Generator[None, Any, None]:
    """One test, with its set-up."""
    code = sys.modules["orchestrator_trace"].code_of(getattr(item, "obj", None))
    if _tracer.in_test:
        yield
        return
    _tracer.begin_test(code, str(getattr(item, "path", None) or item.fspath), _name(item))
    try:
        yield
    finally:
        _tracer.end_test()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtestloop() -> Generator[None, Any, None]:
    """Collection imports the tree and is seen; the loop itself is pytest's own work."""
    with _tracer.paused():
        yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_make_collect_report() -> Generator[None, Any, None]:
    """A module may be imported now."""
    _tracer.resume()
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, None]:
    """Making items of a function and its parameters is pytest's own work."""
    with _tracer.paused():
        yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_call() -> Generator[None, Any, None]:
    """The test itself."""
    with _tracer.resumed():
        yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_fixture_setup() -> Generator[None, Any, None]:
    """A fixture before its yield."""
    with _tracer.resumed():
        yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_teardown() -> Generator[None, Any, None]:
    """Fixtures after their yield, and teardown methods."""
    with _tracer.resumed():
        yield


def _name(item: Any) -> str:
    """The test's dotted name in its file, without its parameters."""
    names = item.nodeid.split("::")[1:]
    return ".".join(name.partition("[")[0] for name in names)
