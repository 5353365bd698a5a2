"""Values of Python are followed from where they are made to where they are called."""

from collections.abc import Mapping

import pytest

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.python.extract import extract
from orchestrator.kg.python.links import Linker


def linked(files: Mapping[str, str]) -> dict[str, set[tuple[str, str]]]:
    """The edges between definitions of a tree, by certainty, as local names."""
    facts = {path: extract(text.encode()) for path, text in files.items()}
    linker = Linker(facts, set(facts))
    found: dict[str, set[tuple[str, str]]] = {"calls": set(), "mayCall": set()}
    for path, one in facts.items():
        for edge in linker.link(path).edges:
            targets = (_name(facts[target.path], target.at) for target in edge.targets if target.path)
            found[edge.certainty] |= {(_name(one, edge.scope), target) for target in targets}
    return found


def calls(source: str) -> set[tuple[str, str]]:
    return linked({"m.py": source})["calls"]


def _name(facts: FileFacts, at: int) -> str:
    one = facts.definitions[at]
    around = _name(facts, one.parent) if one.parent > 0 else ""
    return f"{around}.{one.name}" if around else one.name


_TWO = "def one(): ...\ndef two(): ...\n"


@pytest.mark.parametrize(
    ("source", "edge"),
    [
        ("def run(f):\n    f()\nrun(one)\n", ("run", "one")),
        ("def run(*, f=None):\n    f()\nrun(f=one)\n", ("run", "one")),
        ("def run(f=one):\n    f()\nrun()\n", ("run", "one")),
        ("def run(f):\n    f(two)\ndef step(g):\n    g()\nrun(step)\n", ("step", "two")),
        ("def give(f):\n    return f\ngive(one)()\n", ("", "one")),
        ("def outer(f):\n    def inner():\n        f()\n    return inner\nouter(one)()\n", ("outer.inner", "one")),
        ("d = {'a': one, 'b': two}\nd['b']()\n", ("", "two")),
        ("d = {}\ndef put(k='a'):\n    d[k] = one\nput()\nd['a']()\n", ("", "one")),
        ("for f in [one, two]:\n    f()\n", ("", "two")),
        ("a, (b, *c) = 1, (one, two)\nc[0]()\n", ("", "two")),
        ("def each():\n    yield one\nfor f in each():\n    f()\n", ("", "one")),
        ("[f() for f in (one,)]\n", ("", "one")),
        ("f = one if 1 else two\nf()\n", ("", "two")),
        ("f = lambda: one()\nf()\n", ("<lambda1>", "one")),
        ("sorted([], key=lambda x: two())\n", ("", "<lambda1>")),
        ("from functools import partial\nf = partial(one, 1)\nf()\n", ("", "one")),
        ("class A:\n    def go(self): ...\nclass B:\n    def __init__(self, a):\n        self.a = a\n"
         "    def run(self):\n        self.a.go()\nB(A()).run()\n", ("B.run", "A.go")),
        ("class A:\n    def __iter__(self):\n        return self\n    def __next__(self): ...\nfor x in A(): ...\n",
         ("", "A.__next__")),
        ("class A:\n    def __enter__(self):\n        return one\n    def __exit__(self): ...\n"
         "with A() as f:\n    f()\n", ("", "one")),
        ("class A(Exception):\n    def __init__(self): ...\nraise A\n", ("", "A.__init__")),
        ("class A:\n    def __call__(self): ...\na = A()\na()\n", ("", "A.__call__")),
        ("class M:\n    def go(self):\n        self.step()\nclass A(M):\n    def step(self): 1\n", ("M.go", "A.step")),
        ("class A:\n    pass\na = A()\na.f = one\na.f()\n", ("", "one")),
    ],
)  # fmt: skip
def test_a_value_is_followed_to_its_call(source: str, edge: tuple[str, str]) -> None:
    assert edge in calls(_TWO + source)


def test_what_a_decorator_puts_in_place_of_a_function_is_called() -> None:
    source = "def d(f):\n    def w():\n        return f()\n    return w\n@d\ndef g(): ...\ng()\n"
    assert calls(source) == {("", "d"), ("", "d.w"), ("d.w", "g")}


def test_a_decorator_that_returns_its_argument_mixes_up_nothing() -> None:
    source = "def d(name=None):\n    def w(f):\n        return f\n    return w if name else w\n@d('x')\ndef g(): ...\n@d()\ndef h(): ...\ng()\n"  # noqa: E501 - source as it is
    assert ("", "g") in calls(source)
    assert ("", "h") not in calls(source)


def test_all_that_different_calls_pass_is_reached() -> None:
    assert calls(_TWO + "def run(f):\n    f()\nrun(one)\nrun(two)\n") >= {("run", "one"), ("run", "two")}


def test_the_last_write_before_a_read_counts() -> None:
    found = calls(_TWO + "d = {'a': one}\nd['a'] = two\nd['a']()\n")
    assert (("", "two") in found, ("", "one") in found) == (True, False)


def test_a_comprehensions_names_are_its_own() -> None:
    assert ("", "two") not in calls(_TWO + "f = one\n[f for f in [two]]\nf()\n")


def test_definitions_that_exclude_one_another_and_overrides_stay_candidates() -> None:
    source = (
        "class A:\n    def go(self):\n        self.step()\n    def step(self): ...\n"
        "class B(A):\n    def step(self): ...\n"
    )
    found = linked({"m.py": source})
    assert ("A.go", "A.step") in found["calls"]
    assert found["mayCall"] == {("A.go", "B.step")}


def test_an_instance_made_here_is_no_instance_of_a_subclass() -> None:
    source = "class A:\n    def go(self): ...\nclass B(A):\n    def go(self): ...\nA().go()\n"
    assert linked({"m.py": source}) == {"calls": {("", "A"), ("", "A.go")}, "mayCall": set()}


def test_what_is_passed_in_another_file_arrives() -> None:
    files = {"a.py": "def run(f):\n    f()\n", "b.py": "from a import run\ndef one(): ...\nrun(one)\n"}
    assert ("run", "one") in linked(files)["calls"]


def test_the_order_of_files_does_not_matter() -> None:
    files = {
        f"m{n}.py": f"from m{(n + 1) % 4} import run as r\ndef run(f):\n    r(f)\n    f()\nrun(lambda: 1)\n"
        for n in range(4)
    }
    backwards = dict(reversed(files.items()))
    assert linked(files) == linked(backwards)


def test_long_chains_of_classes_calls_and_circles_end() -> None:
    classes = "class C0: ...\n" + "".join(f"class C{n}(C{n - 1}): ...\n" for n in range(1, 400)) + "C399().go()\n"
    passes = "".join(f"def f{n}(g):\n    return f{(n + 1) % 100}(g)\n" for n in range(100)) + "f0(f1)()\n"
    growing = "def f(x):\n    return f([x])\nf(f)()\nd = {}\nd['a'] = d\nd['a']['a']()\n"
    for source in (classes, passes, growing):
        calls(source)


def test_a_decorator_that_works_with_and_without_brackets_gives_a_function_when_it_has_some() -> None:
    found = linked(
        {
            "m.py": (
                "class Command:\n    def __call__(self): ...\n"
                "def command(name=None):\n    def decorator(f):\n        return Command()\n"
                "    if callable(name):\n        return decorator(name)\n    return decorator\n"
                "@command()\ndef cli(): ...\n"
            )
        }
    )
    assert ("", "command.decorator") in found["calls"]
    assert ("", "Command.__call__") not in found["calls"]
    assert ("", "Command.__call__") in found["mayCall"]
