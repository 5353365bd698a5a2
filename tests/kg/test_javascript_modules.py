"""How JavaScript and TypeScript find each other's modules, and what TypeScript adds."""

from tests.kg.javascript_tree import Tree


def test_imports_are_followed_through_re_exports_and_aliases() -> None:
    tree = Tree(
        {
            "src/index.ts": "export { deep as shallow } from './a'\nexport * from './b'\nexport * as all from './b'\n"
            "export { default as Main } from './main'",
            "src/a.ts": "export function deep() {}",
            "src/b/index.js": "export const starred = () => {}",
            "src/main.tsx": "export default class { go() {} }",
            "x.mjs": "import * as lib from './src/index.js'\nimport { shallow, starred, all, Main } from './src'\n"
            "export function f() { lib.shallow(); shallow(); starred(); all.starred(); new Main().go() }",
        }
    )
    assert tree.edges() == {
        ("x.f", "src.a.deep"),
        ("x.f", "src.b.starred"),
        ("x.f", "src.main.default"),
        ("x.f", "src.main.default.go"),
    }
    assert tree.edges(rule="import") >= {("x.f", "src.a.deep")}
    assert tree.pairs("imports") >= {("x", "src"), ("src", "src.a"), ("src", "src.b"), ("src", "src.main")}


def test_commonjs_in_its_forms() -> None:
    tree = Tree(
        {
            "lib/one.js": "exports.a = function () {}\nexports.b = b\nfunction b() { exports.a() }",
            "lib/two.js": "module.exports = Two\nfunction Two() {}\nTwo.make = function () { return new Two() }",
            "lib/three.cjs": "const { a } = require('./one')\nmodule.exports = { a, c: () => a() }",
            "lib/index.js": "module.exports.one = require('./one')\nexports.three = require('./three.cjs')",
            "m.js": "const { one, three } = require('./lib')\nconst Two = require('./lib/two')\nimport('./lib/one').then(m => m.b())\n"  # noqa: E501 - source as it is
            "function f() { one.b(); three.c(); Two.make() }",
        }
    )
    assert tree.edges() == {
        ("lib.one.b", "lib.one.a"),
        ("lib.two.Two.make", "lib.two.Two"),
        ("lib.three.c", "lib.one.a"),
        ("m", "m.<then>"),
        ("m.<then>", "lib.one.b"),
        ("m.f", "lib.one.b"),
        ("m.f", "lib.three.c"),
        ("m.f", "lib.two.Two.make"),
    }


def test_es_modules_and_commonjs_see_each_other() -> None:
    tree = Tree(
        {
            "old.js": "module.exports = { go() {} }",
            "new.mjs": "import old, { go } from './old.js'\nexport default () => {}\nexport function f() { old.go(); go() }",  # noqa: E501 - source as it is
            "user.cjs": "const made = require('./new.mjs')\nfunction f() { made.f(); made.default() }",
        }
    )
    assert tree.edges() == {("new.f", "old.go"), ("user.f", "new.f"), ("user.f", "new.default")}


def test_path_aliases_of_the_nearest_tsconfig() -> None:
    tree = Tree(
        {
            "tsconfig.base.json": '{ "compilerOptions": { "baseUrl": ".", "paths": { "@lib/*": ["libs/*/src"] } } }',
            "app/tsconfig.json": '{ // comment\n "extends": "../tsconfig.base.json",\n "compilerOptions": { "baseUrl": "src", '  # noqa: E501 - source as it is
            '"paths": { "@/*": ["./*",], }, /* more */ }, }',
            "app/src/util.ts": "export const helper = () => {}",
            "app/src/main.ts": "import { helper } from '@/util'\nimport { helper as again } from 'util'\nfunction f() { helper(); again() }",  # noqa: E501 - source as it is
            "other/tsconfig.json": '{ "extends": "../tsconfig.base.json" }',
            "other/x.ts": "import { go } from '@lib/shared'\nfunction f() { go() }",
            "libs/shared/src/index.ts": "export function go() {}",
        }
    )
    assert tree.edges() == {
        ("app.src.main.f", "app.src.util.helper"),
        ("other.x.f", "libs.shared.src.go"),
    }


def test_packages_of_the_tree_by_name_exports_imports_and_main() -> None:
    tree = Tree(
        {
            "packages/core/package.json": '{ "name": "@acme/core", "main": "dist/index.js", "exports": { ".": { "types": '  # noqa: E501 - source as it is
            '"./dist/index.d.ts", "import": "./dist/index.mjs" }, "./*": "./dist/*.js" } }',
            "packages/core/src/index.ts": "export function start() {}",
            "packages/core/src/extra.ts": "export function more() {}",
            "packages/old/package.json": '{ "name": "old", "main": "./lib/main" }',
            "packages/old/lib/main.js": "exports.go = () => {}",
            "app/package.json": '{ "name": "app", "imports": { "#inner/*": "./src/*.js" } }',
            "app/src/inside.js": "export const inside = () => {}",
            "app/main.ts": "import { start } from '@acme/core'\nimport { more } from '@acme/core/extra'\nimport { go } from 'old'\n"  # noqa: E501 - source as it is
            "import { inside } from '#inner/inside'\nfunction f() { start(); more(); go(); inside() }",
        }
    )
    assert tree.edges() == {
        ("app.main.f", "packages.core.src.start"),
        ("app.main.f", "packages.core.src.extra.more"),
        ("app.main.f", "packages.old.lib.main.go"),
        ("app.main.f", "app.src.inside.inside"),
    }


def test_paths_never_lead_out_of_the_tree() -> None:
    tree = Tree(
        {
            "tsconfig.json": '{ "compilerOptions": { "baseUrl": "../..", "paths": { "*": ["../../../*"], "x": 3 } } }',
            "package.json": '{ "name": "a", "exports": { ".": "../../../etc/passwd", "./x": [null, {"import": {}}] } }',
            "m.ts": "import a from 'a'\nimport b from 'a/x'\nimport c from '../../../m'\nimport d from '/m'\na(); b(); c(); d()",  # noqa: E501 - source as it is
        }
    )
    assert {name for _, name in tree.edges()} <= {"a.default", "a.x.default", "a/x.default"}


def test_outside_modules_are_externals_by_name() -> None:
    tree = Tree(
        {
            "m.ts": "import fs, { readFile } from 'node:fs'\nimport * as z from 'zod'\nfunction f() { readFile(); fs.stat(); z.string() }"  # noqa: E501 - source as it is
        }
    )
    assert tree.edges(rule="external") == {
        ("m.f", "node:fs.readFile"),
        ("m.f", "node:fs.default.stat"),
        ("m.f", "zod.string"),
    }
    assert tree.pairs("imports") == {("m", "node:fs"), ("m", "zod")}


def test_declared_types_tell_what_a_value_is() -> None:
    tree = Tree(
        {
            "service.ts": "export interface Store { put(x: string): void }\n"
            "export class Memory implements Store { put(x: string) {} }\nexport class Disk extends Memory { put(x: string) {} }",  # noqa: E501 - source as it is
            "m.ts": """
                import type { Memory, Store } from './service'
                class Controller {
                    private other: Memory
                    constructor(private readonly memory: Memory, readonly store: Store) {}
                    handle() { this.memory.put('a'); this.other.put('b') }
                    keep() { this.store.put('c') }
                }
                function typed(one: Memory | null) { one!.put('d') }
                async function load(): Promise<Memory> { return fetchIt() as any }
                async function later() { (await load()).put('e') }
                const cast = (x: unknown) => (x as Memory).put('f')
            """,
        }
    )
    certain = {pair for pair in tree.edges() if pair[1] == "service.Memory.put"}
    assert certain == {
        ("m.Controller.handle", "service.Memory.put"),
        ("m.typed", "service.Memory.put"),
        ("m.later", "service.Memory.put"),
        ("m.cast", "service.Memory.put"),
    }
    assert ("m.Controller.keep", "service.Memory.put") in tree.edges("mayCall", "override")
    assert ("m.Controller.handle", "service.Disk.put") in tree.edges("mayCall", "override")
    assert tree.pairs("extends") == {("service.Memory", "service.Store"), ("service.Disk", "service.Memory")}


def test_decorators_namespaces_enums_and_overloads() -> None:
    tree = Tree(
        {
            "m.ts": """
                function bare(x: any) {}
                function made() { return bare }
                enum Color { Red }
                namespace Tools { export function go(): void; export function go() { help() } function help() {} }
                @bare @made()
                class A { @made() m() { Tools.go(); Color.Red.toString() } }
            """,
        }
    )
    assert tree.edges() == {
        ("m", "m.bare"),
        ("m", "m.made"),
        ("m.A", "m.made"),
        ("m.A.m", "m.Tools.go"),
        ("m.Tools.go", "m.Tools.help"),
    }
    assert tree.edges(rule="decorator") == {("m", "m.bare")}
    assert tree.pairs("decorated") == {("m.A", "m.bare"), ("m.A", "m.made"), ("m.A.m", "m.made")}


def test_components_are_called_by_their_elements() -> None:
    tree = Tree(
        {
            "m.tsx": """
                import { useCallback } from 'react'
                import { Button } from './button'
                export function Page({ title }: { title: string }) {
                    const onClick = useCallback(() => track(title), [title])
                    return <div><Button onPress={onClick}><b>{title}</b></Button></div>
                }
                function track(x: string) {}
            """,
            "button.jsx": "export const Button = ({ onPress }) => <button onClick={() => onPress()} />",
        }
    )
    assert tree.edges(rule="element") == {("m.Page", "button.Button")}
    assert ("m.Page.<useCallback>", "m.track") in tree.edges()


def test_circles_of_imports_are_followed() -> None:
    tree = Tree(
        {
            "a.js": "import { b } from './b.js'\nexport function a() { b() }\nexport const late = () => {}",
            "b.js": "import { a, late } from './a.js'\nexport function b() { a(); late() }",
            "c.js": "export * from './d.js'\nexport const c = 1",
            "d.js": "export * from './c.js'\nimport { nothing } from './c.js'\nnothing()",
        }
    )
    assert tree.edges() == {("a.a", "b.b"), ("b.b", "a.a"), ("b.b", "a.late")}


def test_reads_of_the_environment_are_configuration() -> None:
    tree = Tree({"m.ts": "function f() { return process.env.HOME || process.env['PORT'] || import.meta.env.VITE_URL }"})
    assert [(one.scope, one.key) for one in tree.facts["m.ts"].config] == [(1, "HOME"), (1, "PORT"), (1, "VITE_URL")]


def test_what_a_module_exports_is_public() -> None:
    source = """
        export class Cart { add() { function inner() {} } #count() {} private hidden = () => {}; protected kept() {} }
        class Row { show() {} }
        export const api = { go() {} }, other = () => {}
        const later = () => {}
        const own = () => {}
        export { later as soon }
        export default function () {}
    """
    shown = {one.name: one.visibility for one in Tree({"m.ts": source}).facts["m.ts"].definitions[1:]}
    assert shown == {
        "Cart": "public",
        "add": "public",
        "inner": "internal",
        "#count": "internal",
        "hidden": "internal",
        "kept": "internal",
        "Row": "internal",
        "show": "internal",
        "api.go": "public",
        "other": "public",
        "later": "public",
        "own": "internal",
        "default": "public",
    }
    assert Tree({"m.js": "exports.a = () => {}"}).facts["m.js"].definitions[1].visibility == ""
