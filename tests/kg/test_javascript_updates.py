"""After any sequence of edits, moves and deletions the links of JavaScript are those of a linker made anew."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

import orchestrator
from orchestrator.kg.facts import FileFacts, FileLinks, SymbolRef, local_names
from orchestrator.kg.javascript.links import Linker
from orchestrator.kg.readers import Readers
from tests.kg.javascript_tree import facts_of

_REAL = Path(next(iter(orchestrator.__path__))).parent / "ui" / "src"
_TREE = {
    "package.json": '{ "name": "shop", "imports": { "#util": "./src/util.ts" } }',
    "tsconfig.json": '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
    "src/index.ts": "export * from './cart'\nexport { total as sum } from './util'",
    "src/util.ts": "export function total(xs: number[], each: Function) { return xs.map(x => each(x)) }\n"
    "export const twice = (f: Function) => () => f()",
    "src/base.ts": "import { Cart } from './cart'\nexport class Base { save() { this.check() } check() {} make() { return new Cart() } }",  # noqa: E501 - source as it is
    "src/cart.ts": "import { Base } from '@/base'\nimport { twice } from '#util'\n"
    "export class Cart extends Base { check() { twice(() => this.save())() } put(x: string) {} }",
    "src/other.js": "const { Cart } = require('./index')\nmodule.exports = function go(x) { x.put(1); new Cart().save(); x.save() }",  # noqa: E501 - source as it is
    "src/more.js": "const go = require('./other')\nexports.more = () => go({ put() {}, save() {} })",
    "src/view.tsx": "import { sum, Cart } from '.'\nexport const View = () => { sum([1], price); return <Row /> }\n"
    "function price() {}\nconst Row = () => <View />",
    "test/view.test.js": "import { View } from '../src/view'\nit('shows', () => View())",
}
_LINES = [
    "export function fresh(f) { f(); return f }",
    "export class Late extends Base { check() {} put() {} }",
    "unknown.put(1)",
    "export default () => {}",
    "import { total } from './util'; total([1], () => {})",
    "require('./more').more()",
    "class { broken",
]


class _Live:
    """A linker that is updated, with the links it says have to be made again, by name as a graph has them."""

    def __init__(self, facts: Mapping[str, FileFacts], paths: set[str]) -> None:
        self._linker = Linker(facts, paths)
        self._facts = dict(facts)
        self._readers = Readers()
        self.links: dict[str, object] = {}
        self._link(set(facts))

    def update(self, changed: Mapping[str, FileFacts | None], paths: set[str]) -> set[str]:
        affected = self._linker.update(changed, paths, self._readers)
        for path, facts in changed.items():
            if facts is None:
                self.links.pop(path)
                self._readers.forget(path)
                del self._facts[path]
            else:
                self._facts[path] = facts
        self._link(affected - {path for path, facts in changed.items() if facts is None})
        return affected

    def _link(self, paths: set[str]) -> None:
        for path in sorted(paths):
            self.links[path] = named(self._linker.link(path), self._facts)
            self._readers.record(path, self._linker.consulted)

    def assert_is_clean(self, paths: set[str]) -> None:
        """What was linked is what a clean linker says, and what was not would be, too, number by number."""
        clean = Linker(self._facts, paths)
        assert self.links == {path: named(clean.link(path), self._facts) for path in self._facts}
        for path in self._facts:
            assert self._linker.link(path) == clean.link(path)


def named(links: FileLinks, facts: Mapping[str, FileFacts]) -> object:
    """Links with the names of definitions in place of their numbers."""

    def name(part: object) -> object:
        if isinstance(part, SymbolRef):
            return (part.path, local_names(facts[part.path])[part.at]) if part.path else part.external
        return tuple(map(name, part)) if isinstance(part, tuple) else part

    return [name(getattr(links, one)) for one in FileLinks.__slots__]


@pytest.mark.parametrize("seed", range(12))
def test_updated_links_equal_those_of_a_clean_linker(seed: int) -> None:
    chosen = random.Random(seed)
    texts = dict(_TREE)
    live = _Live(facts_of(texts), set(texts))
    for _ in range(8):
        path = chosen.choice(sorted(texts))
        changed: dict[str, FileFacts | None] = {}
        kind = chosen.choice(("edit", "edit", "delete", "move", "back"))
        if kind in ("delete", "move") and len(texts) > 4:
            text = texts.pop(path)
            changed[path] = None
            if kind == "move":
                path = path.replace("src/", "lib/") if path.startswith("src/") else f"src/{path.rpartition('/')[2]}"
                texts[path] = text
                changed |= facts_of({path: text})
        else:
            path = chosen.choice(sorted(_TREE)) if kind == "back" else path
            lines = _TREE.get(path, texts.get(path, "")).split("\n")
            if kind == "edit" and not path.endswith(".json"):
                lines.insert(chosen.randrange(len(lines) + 1), chosen.choice(_LINES))
            texts[path] = "\n".join(lines)
            changed |= facts_of({path: texts[path]})
        live.update(changed, set(texts))
        live.assert_is_clean(set(texts))


def test_an_edit_reaches_those_that_read_it_and_nobody_else() -> None:
    live = _Live(facts_of(_TREE), set(_TREE))
    changed = facts_of({"src/view.tsx": _TREE["src/view.tsx"] + "\nprice()"})
    assert live.update(changed, set(_TREE)) == {"src/view.tsx", "test/view.test.js"}


def test_what_a_hub_gives_its_readers_decides_whether_they_run_again() -> None:
    texts = _TREE | {f"src/page{number}.ts": "import { total } from '.'\ntotal([], () => 1)" for number in range(20)}
    live = _Live(facts_of(texts), set(texts))
    for edited, more in (("// told in more words\n" + texts["src/util.ts"], False), ("export const x = 1", True)):
        texts["src/util.ts"] = edited
        affected = live.update(facts_of({"src/util.ts": edited}), set(texts))
        assert (affected > {"src/util.ts"}) == more
        live.assert_is_clean(set(texts))


@pytest.mark.parametrize("seed", range(3))
def test_hubs_of_a_real_project_are_updated_to_what_a_clean_linker_says(seed: int) -> None:
    chosen = random.Random(seed)
    texts = {path.relative_to(_REAL).as_posix(): path.read_text() for path in sorted(_REAL.rglob("*.ts*"))}
    paths = set(texts)
    live = _Live(facts_of(texts), paths)
    hubs = [path for path in sorted(texts) if path.startswith(("api/", "lib/", "components/"))]
    for _ in range(3):
        for _ in range(3):
            path = chosen.choice(hubs)
            lines = texts[path].split("\n")
            at = chosen.randrange(len(lines))
            put = (
                "// words",
                "function brandNew(f) { return f() }",
                "; gone.far(1); (() => missing())();",
                lines[at],
                "",
            )
            lines[at : at + chosen.randrange(2)] = [chosen.choice(put)]
            texts[path] = "\n".join(lines)
            live.update(facts_of({path: texts[path]}), paths)
        live.assert_is_clean(paths)


def test_a_circle_that_is_cut_leaves_each_file_its_own() -> None:
    texts = {
        "a.js": "import { b } from './b.js'\nexport function a() { b() }\na()",
        "b.js": "import { a } from './a.js'\nexport function b() { a() }",
        "c.js": "import { a } from './a.js'\na()",
    }
    live = _Live(facts_of(texts), set(texts))
    for text in ("export function b() {}", texts["b.js"], "import './c.js'\nexport function b() {}"):
        texts["b.js"] = text
        live.update(facts_of({"b.js": text}), set(texts))
        live.assert_is_clean(set(texts))
