"""Hostile and broken JavaScript: the build ends, says what it left out, and never recurses to death."""

import time

import pytest

from orchestrator.kg.indexing.languages import language_of
from orchestrator.kg.javascript.lowering.extract import (
    MinifiedError,
    extract_javascript,
    extract_tsx,
    extract_typescript,
)
from tests.kg.conftest import Build
from tests.kg.javascript_tree import Tree

_DEEP = 10_000


@pytest.mark.parametrize(
    "source",
    [
        "[" * _DEEP + "]" * _DEEP,
        "(" * _DEEP,
        "x=" + "{a:" * _DEEP + "1" + "}" * _DEEP,
        "f(" * _DEEP + ")" * _DEEP,
        "a" + ".b()" * _DEEP,
        "x=" + "+".join(["a"] * _DEEP),
        "x=" + "a?b:" * _DEEP + "c",
        "if(a){}" + "else if(b){f()}" * _DEEP,
        "if(a){" * _DEEP + "}" * _DEEP,
        "let " + "[" * _DEEP + "a" + "]" * _DEEP + "=x",
        "a=" * _DEEP + "f",
        "function f(){" * 1000 + "}" * 1000,
        "x=" + "<A>" * 1000 + "</A>" * 1000,
        "x=" + "`${" * 1000 + "1" + "}`" * 1000,
        "function ( { ] => class % @ # `" * 1000,
    ],
    ids=str.__len__,
)
def test_deep_and_broken_code_is_read_and_run_within_bounds(source: str) -> None:
    began = time.process_time()
    for extract in (extract_javascript, extract_typescript, extract_tsx):
        assert extract(source.encode()).definitions[0].kind == "module"
    Tree({"m.js": source})
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "source",
    [
        # Each function calls the next one three times: 3 to the power of 60 ways through.
        "".join(f"function g{i}(x) {{ g{i + 1}(x); g{i + 1}(() => x()); g{i + 1}(g{i}) }}\n" for i in range(60))
        + "function g60(x) { x() }\ng0(() => 1)",
        "let f = x => x\n" + "f = (g => x => g(g(x)))(f)\n" * 40 + "f(() => 1)()",
        "let o = {}\n" + "o = { ...o, a: o, b: () => o }\n" * 300,
        "let a = []\n" + "a = [...a, ...a, () => 1]\n" * 200 + "a.forEach(f => f())",
        "class A { constructor() { this.a = new A() } go() { return new A().go() } }\nnew A().go()",
        "const o = {}\n" + "".join(f"o.k{i} = () => o.k{i + 1}()\n" for i in range(2000)) + "o.k0()",
        "export * from './m'\nimport { x } from './m'\nx()",
        "const p = {}\nObject.setPrototypeOf(p, p)\np.x.y()",
        "const a = [1, 2, 3, 4, 5, 6, 7, 8]\n" + "for (const x of a) " * 40 + "f()",
        "class A {" + "".join(f"f{i} = new A();" for i in range(50)) + "}\nnew A()",
    ],
    ids=str.__len__,
)
def test_programs_made_to_run_for_ever_are_given_up(source: str) -> None:
    began = time.process_time()
    Tree({"m.js": source})
    assert time.process_time() - began < 10


def test_circles_of_star_exports_are_gone_through_once() -> None:
    names = [f"m{number}" for number in range(24)]
    stars = "".join(f"export * from './{name}'\n" for name in names)
    began = time.process_time()
    Tree({f"{name}.js": f"{stars}import {{ missing }} from './m0'\nmissing()" for name in names})
    assert time.process_time() - began < 5


def test_minified_files_are_refused_with_a_reason() -> None:
    with pytest.raises(MinifiedError) as refused:
        extract_javascript(b"f();" * 2_500_000)
    assert refused.value.reason == "minified"


def test_what_is_nested_too_deep_is_noted_as_a_problem() -> None:
    assert extract_javascript(b"\nx = " + b"[" * 500 + b"f()" + b"]" * 500).problems == (2,)


def test_files_are_recognised_by_name_and_interpreter() -> None:
    names = {
        "a.mjs": "javascript",
        "a.jsx": "javascript",
        "a.cts": "typescript",
        "a.tsx": "tsx",
        "a/tsconfig.json": "tsconfig",
    }
    found = {path: language.name for path in names if (language := language_of(path, b"")) is not None}
    assert found == names
    run = language_of("bin/tool", b"#!/usr/bin/env node\n")
    assert run is not None
    assert run.name == "javascript"


def test_a_graph_is_built_with_what_can_be_read(build: Build) -> None:
    report = build(
        {
            "package.json": '{ "name": "shop", "dependencies": { "react": "^19.0.0" } }',
            "tsconfig.json": '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
            "broken/tsconfig.json": "{ not json",
            "src/cart.ts": "export class Cart { add(item: string) { log(item) } }\nfunction log(x: string) {}",
            "src/view.tsx": "import { Cart } from '@/cart'\nexport const View = () => { new Cart().add('x'); return <View /> }",  # noqa: E501 - source as it is
            "src/view.test.tsx": "import { View } from './view'\nit('shows', () => { View() })",
            "src/big.min.js": "f();" * 100_000,
            "src/bad.js": b"\xff\xfe broken",
            "src/broken.js": "function good() {}\nfunction (",
        }
    )
    assert {one.path: one.reason for one in report.skipped} == {"src/big.min.js": "minified", "src/bad.js": "not UTF-8"}
    assert (report.classes, report.tests) == (1, 1)
    assert report.calls >= 4
    assert "src/broken.js" in report.broken
