"""What traced programs are seen to do: real interpreters run real tests, and nothing of theirs changes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.kg.traces.read import Trace, read_folder
from orchestrator.kg.traces.run import tracing_environment
from tests.kg.sample import write_tree

TREE: dict[str, str | bytes] = {
    "shop/__init__.py": "",
    "shop/cart.py": (
        "import functools\n\n\ndef log(function):\n    @functools.wraps(function)\n    def inner(*given):\n"
        "        return function(*given)\n    return inner\n\n\nclass Cart:\n    def __init__(self):\n        self.items = []\n\n"  # noqa: E501 - source as it is
        "    @log\n    def add(self, price):\n        self.items.append(price)\n\n    @property\n    def total(self):\n"
        "        return sum(price(one) for one in self.items)\n\n\ndef price(one):\n    return one\n\n\n"
        "def numbers():\n    yield 1\n    yield 2\n\n\nasync def fetch():\n    return await answer()\n\n\n"
        "async def answer():\n    return 42\n"
    ),
    "tests/test_cart.py": (
        "import asyncio\nimport unittest\n\nimport pytest\n\nfrom shop.cart import Cart, fetch, numbers\n\n\n"
        "@pytest.fixture\ndef cart():\n    return Cart()\n\n\n"
        "@pytest.mark.parametrize('price', [1, 2, 3])\ndef test_add(cart, price):\n    cart.add(price)\n    assert cart.total == price\n\n\n"  # noqa: E501 - source as it is
        "def test_numbers():\n    assert list(numbers()) == [1, 2]\n\n\nclass TestFetch(unittest.TestCase):\n"
        "    def test_fetch(self):\n        self.assertEqual(asyncio.run(fetch()), 42)\n"
    ),
}

Run = Callable[..., Trace]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in a tree, traced; fails when it fails."""

    def run(
        *command: str,
        tree: dict[str, str | bytes] = TREE,
        exit_code: int = 0,
        python: str = sys.executable,
        **variables: str,
    ) -> Trace:
        root, traces = tmp_path / "tree", tmp_path / "traces"
        write_tree(root, tree)
        traces.mkdir(exist_ok=True)
        # Plugins of ours have no part in this, and take seconds to load.
        settings = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        plain = {"PATH": os.environ["PATH"], **settings, **variables}
        environment = plain | tracing_environment(traces, root, plain)
        done = subprocess.run(
            [python, *command],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert "not traced" not in done.stderr
        return read_folder(traces)

    return run


def calls(trace: Trace) -> set[tuple[str, str]]:
    return {(caller.name, callee.name) for caller, callee in trace.calls}


def covered(trace: Trace) -> dict[str, set[str]]:
    return {test.name if test else "": {code.name for code in codes} for test, codes in trace.covered.items()}


_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_a_run_of_pytest_shows_who_calls_whom(run: Run) -> None:
    trace = run(*_PYTEST)
    assert calls(trace) >= {
        ("cart", "Cart.__init__"),
        ("test_add", "log.<locals>.inner"),
        ("log.<locals>.inner", "Cart.add"),
        ("test_add", "Cart.total"),
        ("Cart.total.<locals>.<genexpr>", "price"),
        ("test_numbers", "numbers"),
        ("fetch", "answer"),
        ("<module>", "Cart"),
    }
    assert trace.dropped == 0


def test_each_test_covers_what_ran_while_it_ran(run: Run) -> None:
    tests = covered(run(*_PYTEST))
    assert {"Cart.add", "Cart.total", "price", "cart", "Cart.__init__"} <= tests["test_add"]
    assert tests["test_numbers"] == {"test_numbers", "numbers"}
    assert {"fetch", "answer"} <= tests["TestFetch.test_fetch"]
    assert "price" not in tests["TestFetch.test_fetch"] | tests["test_numbers"]


def test_unittest_says_which_test_runs_too(run: Run) -> None:
    tests = covered(run("-m", "unittest", "tests.test_cart", tree=TREE | {"tests/__init__.py": ""}))
    assert {"fetch", "answer"} <= tests["TestFetch.test_fetch"]


def test_files_are_known_by_path_and_blob(run: Run, tmp_path: Path) -> None:
    trace = run(*_PYTEST)
    files = {code.file for pair in trace.calls for code in pair}
    assert {file.path for file in files} == {"shop/cart.py", "tests/test_cart.py"}
    hashed = subprocess.run(
        ["git", "hash-object", "shop/cart.py"], cwd=tmp_path / "tree", capture_output=True, text=True, check=True
    )
    assert {file.blob for file in files if file.path == "shop/cart.py"} == {hashed.stdout.strip()}


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_process_that_ends_at_once_leaves_what_it_did(run: Run, end: str) -> None:
    program = f"import os\n\n\ndef work():\n    return 1\n\n\nwork()\n{end}\n"
    code = -signal.SIGKILL if "kill" in end else 0
    assert ("<module>", "work") in calls(run("main.py", tree={"main.py": program}, exit_code=code))


def test_children_write_traces_of_their_own(run: Run) -> None:
    program = (
        "import os\nimport subprocess\nimport sys\n\n\ndef work(name):\n    return name\n\n\ndef forked():\n    work(1)\n\n\n"  # noqa: E501 - source as it is
        "def started():\n    work(2)\n\n\nif len(sys.argv) > 1:\n    started()\nelif os.fork() == 0:\n    forked()\n"
        "    os.closerange(3, 256)\n    os._exit(0)\nelse:\n    os.wait()\n"
        "    subprocess.run([sys.executable, 'main.py', 'again'], check=True)\n"
    )
    assert {("forked", "work"), ("started", "work")} <= calls(run("main.py", tree={"main.py": program}))


def test_threads_are_seen(run: Run) -> None:
    program = (
        "import threading\n\n\ndef work():\n    return part()\n\n\ndef part():\n    return 1\n\n\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
    )
    assert ("work", "part") in calls(run("main.py", tree={"main.py": program}))


def test_the_environments_own_sitecustomize_still_runs(run: Run, tmp_path: Path) -> None:
    write_tree(tmp_path / "site", {"sitecustomize.py": "import builtins\nbuiltins.customized = True\n"})
    run("-c", "assert customized", PYTHONPATH=str(tmp_path / "site"))


def test_a_profiler_of_the_program_is_left_alone(run: Run) -> None:
    program = (
        "import cProfile\n\n\ndef work():\n    return 1\n\n\nprofile = cProfile.Profile()\nprofile.runcall(work)\n"
        "assert any(entry.callcount == 1 and 'work' in str(entry.code) for entry in profile.getstats())\n"
    )
    run("main.py", tree={"main.py": program})


def test_recursion_errors_and_exceptions_reach_the_program(run: Run) -> None:
    program = (
        "def deep():\n    deep()\n\n\ndef fail():\n    raise KeyError(1)\n\n\nfor function, kind in ((deep, RecursionError), (fail, KeyError)):\n"  # noqa: E501 - source as it is
        "    try:\n        function()\n    except kind:\n        pass\n    else:\n        raise SystemExit(1)\n"
    )
    assert ("deep", "deep") in calls(run("main.py", tree={"main.py": program}))


def test_nothing_is_written_by_programs_that_do_not_touch_the_tree(run: Run) -> None:
    trace = run("-c", "import json; json.loads('1')")
    assert (trace.calls, trace.covered) == ({}, {})


def test_workers_of_xdist_are_traced(run: Run) -> None:
    tests = covered(run(*_PYTEST, "-p", "xdist", "-n", "1"))
    assert {"Cart.add", "price"} <= tests["test_add"]


def test_of_many_quiet_runs_of_one_test_some_are_watched(run: Run) -> None:
    test = (
        "import pytest\n\nfrom code_under_test import late, plain\n\n\n@pytest.mark.parametrize('n', range(120))\n"
        "def test_many(n):\n    plain()\n    if n >= 60:\n        late()\n\n\ndef test_after():\n    plain()\n"
    )
    code = "def plain():\n    return 1\n\n\ndef late():\n    return 2\n"
    tests = covered(run(*_PYTEST, tree={"code_under_test.py": code, "test_many.py": test}, PYTHONPATH="."))
    assert tests["test_many"] >= {"plain", "late"}
    assert tests["test_after"] == {"test_after", "plain"}


@pytest.mark.parametrize("name", ["python3.9", "python3.10", "python3.12", "python3.13", "python3.14"])
def test_other_interpreters_see_the_same(run: Run, name: str) -> None:
    python = shutil.which(name)
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no {name} here")
    tree: dict[str, str | bytes] = {
        "cart.py": TREE["shop/cart.py"],
        "test_cart.py": (
            "import unittest\n\nfrom cart import Cart, numbers\n\n\nclass TestCart(unittest.TestCase):\n"
            "    def test_add(self):\n        cart = Cart()\n        cart.add(2)\n        self.assertEqual(cart.total, 2)\n\n"  # noqa: E501 - source as it is
            "    def test_numbers(self):\n        self.assertEqual(list(numbers()), [1, 2])\n"
        ),
    }
    trace = run("-m", "unittest", tree=tree, python=python)
    last = {(caller.rpartition(".")[2], callee.rpartition(".")[2]) for caller, callee in calls(trace)}
    assert last >= {("test_add", "inner"), ("inner", "add"), ("<genexpr>", "price"), ("test_numbers", "numbers")}
    lasts = {
        test.rpartition(".")[2]: {one.rpartition(".")[2] for one in codes} for test, codes in covered(trace).items()
    }
    assert lasts["test_numbers"] == {"test_numbers", "numbers"}
