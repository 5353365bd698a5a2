"""The size budget: small files, small functions. An exception stands here with its reason, or it is none."""

from pathlib import Path
from statistics import median

from tests.architecture.source import files_of_tests, functions, name_of, package_files

MOST_LINES = 400
MOST_FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 12

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "orchestrator/bootstrap.py:build_container": "the whole wiring in one place, a line per part; no branches",
}


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_file_is_longer_than_the_budget() -> None:
    long = {name_of(path): _lines(path) for path in (*package_files(), *files_of_tests()) if _lines(path) > MOST_LINES}
    assert set(long) <= set(LONG_FILES), f"over {MOST_LINES} lines: {long}"


def test_no_function_is_longer_than_the_budget() -> None:
    found = {
        f"{name_of(path)}:{function.name}": function.end_lineno - function.lineno + 1  # type: ignore[operator]
        for path in package_files()
        for function in functions(path)
    }
    long = {name: lines for name, lines in found.items() if lines > MOST_FUNCTION_LINES}
    assert set(long) <= set(LONG_FUNCTIONS), f"over {MOST_FUNCTION_LINES} lines: {long}"
    assert median(found.values()) <= MEDIAN_FUNCTION_LINES


def test_every_exception_is_still_needed() -> None:
    files = {name_of(path) for path in (*package_files(), *files_of_tests()) if _lines(path) > MOST_LINES}
    long = {
        f"{name_of(path)}:{function.name}"
        for path in package_files()
        for function in functions(path)
        if function.end_lineno - function.lineno + 1 > MOST_FUNCTION_LINES  # type: ignore[operator]
    }
    assert set(LONG_FILES) <= files
    assert set(LONG_FUNCTIONS) <= long
