"""What is resolved in JavaScript, how certainly, and that nothing is made up."""

import pytest

from tests.kg.javascript_tree import Tree, calls


def test_functions_classes_and_methods_are_followed() -> None:
    assert calls("""
        class Base { save() { this.check() } check() {} }
        class Cart extends Base { constructor() { super(); this.items = [] } check() { super.check(); total([]) } }
        function total(prices) { return prices }
        function main() { const cart = new Cart(); cart.save(); Cart.name }
    """) == {
        ("m.Base.save", "m.Base.check"),
        ("m.Base.save", "m.Cart.check"),
        ("m.Cart.check", "m.Base.check"),
        ("m.Cart.check", "m.total"),
        ("m.main", "m.Cart.constructor"),
        ("m.main", "m.Base.save"),
    }


def test_a_method_that_may_be_overridden_is_a_candidate() -> None:
    tree = Tree({"m.js": "class A { a() { this.b() } b() {} }\nclass B extends A { b() {} }"})
    assert tree.edges() == {("m.A.a", "m.A.b")}
    assert tree.edges("mayCall", "override") == {("m.A.a", "m.B.b")}
    assert tree.pairs("overrides") == {("m.B.b", "m.A.b")}
    assert tree.pairs("extends") == {("m.B", "m.A")}


@pytest.mark.parametrize(
    "source",
    [
        "function f(x) { x() }",
        "function g() {}\nfunction f(g) { g() }",
        "function g() {}\nfunction f() { const g = other(); g() }",
        "function g() {}\nfunction f() { { let g = unknown; g() } }",
        "class A { g() {} }\nfunction f(a) { a.g() }",
        "const a = { g() {} }\nfunction f(b) { b.g() }",
        "function f() { [].map(String); 'x'.split(''); JSON.parse('') }",
        "function g() {}\nfunction f() { try { go() } catch (g) { g() } }",
        "function g() {}\nfunction f() { for (const g of unknown()) g() }",
        "function g() {}\nfunction f() { return ({ g: unknown }).g() }",
    ],
)
def test_a_shadowed_unknown_or_builtin_name_makes_no_certain_call(source: str) -> None:
    assert calls(source) == set()


def test_several_possible_definitions_are_candidates_not_calls() -> None:
    tree = Tree({"m.js": "function a() {}\nfunction b() {}\nlet g = a\nif (process.env.X) g = b\nfunction f() { g() }"})
    assert tree.edges() == set()
    assert tree.edges("mayCall", "several") == {("m.f", "m.a"), ("m.f", "m.b")}


def test_uncertainty_survives_call_and_apply() -> None:
    tree = Tree({"m.js": "function a() {}\nfunction b() {}\nconst t = { a, b }\nfunction f(k) { t[k].call(null) }"})
    assert tree.edges() == set()
    assert tree.edges("mayCall", "several") == {("m.f", "m.a"), ("m.f", "m.b")}


def test_methods_of_unknown_receivers_are_candidates_by_name_and_arguments() -> None:
    tree = Tree({"m.js": "class A { put(x) {} }\nclass B { put() {} }\nfunction f(x) { x.put(1); x.vanish() }"})
    assert tree.edges() == set()
    assert tree.edges("mayCall", "sameName") == {("m.f", "m.A.put")}
    assert tree.unresolved("m.js") == {"put", "vanish"}


def test_callbacks_flow_through_arguments_to_where_they_are_called() -> None:
    assert calls("""
        function one() {}
        function two() {}
        function run(callback) { callback() }
        run(one)
        run(two)
    """) == {("m", "m.run"), ("m.run", "m.one"), ("m.run", "m.two")}


def test_what_a_function_gives_back_depends_on_what_it_is_given() -> None:
    assert calls("""
        function same(x) { return x }
        function one() {}
        function two() {}
        same(one)
        same(two)()
    """) == {("m", "m.same"), ("m", "m.two")}


def test_straight_line_code_is_followed_in_order() -> None:
    assert calls("function a() {}\nfunction b() {}\nlet f = a\nf = b\nf()") == {("m", "m.b")}
    assert calls("const o = {}\nfunction a() {}\nfunction b() {}\no.f = a\no.f = b\no.f()") == {("m", "m.b")}


def test_a_change_inside_of_a_called_function_counts() -> None:
    assert calls("""
        function a() {}
        function b() {}
        const box = { f: a }
        function change() { box.f = b }
        change()
        box.f()
    """) == {("m", "m.change"), ("m", "m.b")}


def test_destructuring_defaults_rest_and_spread() -> None:
    assert calls("""
        function a() {}
        function b() {}
        function c() {}
        const { x, y: { z = b } = {}, ...rest } = { x: a, w: c }
        x(); z(); rest.w()
        const [p, ...others] = [a, b, c]
        p(); others[1]()
        function take({ go }, [first]) { go(); first() }
        take({ go: a }, [...[b]])
    """) == {
        ("m", "m.a"),
        ("m", "m.b"),
        ("m", "m.c"),
        ("m", "m.take"),
        ("m.take", "m.a"),
        ("m.take", "m.b"),
    }


def test_closures_keep_what_they_were_made_with() -> None:
    assert calls("""
        function a() {}
        function make(f) { return () => f() }
        const made = make(a)
        made()
    """) == {("m", "m.make"), ("m", "m.make.<anonymous>"), ("m.make.<anonymous>", "m.a")}


def test_bind_call_and_apply() -> None:
    assert calls("""
        function a(f) { f(); this.go() }
        function b() {}
        const box = { go() {} }
        a.call(box, b)
        a.bind(box)(b)
        a.apply(box, [b])
    """) == {("m", "m.a"), ("m.a", "m.b"), ("m.a", "m.box.go")}


def test_prototypes_and_constructor_functions() -> None:
    tree = Tree(
        {
            "m.js": """
            function Animal() { this.init() }
            Animal.prototype.init = function () {}
            function Dog() { Animal.call(this) }
            Dog.prototype = Object.create(Animal.prototype)
            Dog.prototype.bark = function () { this.init() }
            new Dog().bark()
        """
        }
    )
    assert tree.edges() >= {
        ("m", "m.Dog"),
        ("m", "m.Dog.bark"),
        ("m.Dog", "m.Animal"),
        ("m.Animal", "m.Animal.init"),
        ("m.Dog.bark", "m.Animal.init"),
    }


def test_getters_and_setters_run_when_properties_are_used() -> None:
    tree = Tree(
        {
            "m.js": """
            class Box { get value() { return helper } set value(x) { log() } }
            function helper() {}
            function log() {}
            const box = new Box()
            box.value()
            box.value = 1
        """
        }
    )
    assert tree.edges() - {("m", "m.Box")} == {
        ("m", "m.Box.value"),
        ("m", "m.Box.value~2"),
        ("m", "m.helper"),
        ("m.Box.value~2", "m.log"),
    }
    assert tree.edges(rule="accessor") == {("m", "m.Box.value"), ("m", "m.Box.value~2")}


def test_what_this_is_in_described_properties_and_shared_functions() -> None:
    tree = Tree(
        {
            "m.js": """
                const request = { get() {} }
                Object.defineProperty(request, 'host', { get: function () { return this.get('Host') } })
                function define(to, name, getter) { Object.defineProperty(to, name, { get: getter }) }
                define(request, 'port', function port() { return this.get('Port') })
                function shared() { this.other() }
                const holder = { shared, other() {} }
            """
        }
    )
    assert tree.edges() >= {("m.<defineProperty>.get", "m.request.get"), ("m.port", "m.request.get")}
    assert not {pair for pair in tree.edges() if pair[0] == "m.shared"}


def test_a_getter_of_one_of_several_receivers_is_a_candidate() -> None:
    tree = Tree(
        {
            "m.js": """
                class A { get v() {} }
                class B { get v() {} }
                function pick(x) { if (x) { return new A() } return new B() }
                pick(1).v
            """
        }
    )
    assert tree.edges("mayCall") == {("m", "m.A.v"), ("m", "m.B.v")}
    assert tree.edges(rule="accessor") == set()


def test_calls_in_a_chain_have_lines_of_their_own() -> None:
    tree = Tree({"m.js": "function a() {}\nfunction b() {}\nPromise.resolve()\n  .then(a)\n  .then(b)"})
    assert [(edge.line, edge.rule) for edge in tree.links["m.js"].edges] == [(4, "callback"), (5, "callback")]


def test_promises_async_functions_and_generators_carry_values() -> None:
    assert calls("""
        function a() {}
        function b() {}
        async function load() { return { go: a } }
        async function main() { (await load()).go() }
        load().then(found => found.go())
        function* each() { yield b }
        for (const one of each()) one()
    """) == {
        ("m", "m.load"),
        ("m.main", "m.load"),
        ("m.main", "m.a"),
        ("m", "m.<then>"),
        ("m.<then>", "m.a"),
        ("m", "m.each"),
        ("m", "m.b"),
    }


def test_functions_of_the_language_call_back() -> None:
    tree = Tree({"m.js": "function a(x) { x() }\nfunction b() {}\nconst all = [b]\nall.forEach(a)\nsetTimeout(b, 1)"})
    assert tree.edges(rule="callback") == {("m", "m.a"), ("m", "m.b")}
    assert ("m.a", "m.b") in tree.edges()


def test_mixins_copy_what_javascript_copies() -> None:
    assert calls("""
        class A { go() {} }
        class B extends A {}
        Object.assign(B.prototype, { go() {} })
        new B().go()
        class C { go() {} }
        class D extends A {}
        Object.assign(D.prototype, C.prototype)
        new D().go()
    """) == {("m", "m.B"), ("m", "m.<assign>.go"), ("m", "m.D"), ("m", "m.A.go")}


def test_iterators_of_our_own_are_called() -> None:
    found = calls("""
        class Items { *[Symbol.iterator]() { yield go } }
        function go() {}
        for (const item of new Items()) item()
    """)
    assert found == {("m", "m.Items"), ("m", "m.Items.[Symbol.iterator]"), ("m", "m.go")}


def test_a_function_handed_on_is_a_reference() -> None:
    tree = Tree({"m.js": "function a() {}\nfunction f() { library(a); return a }"})
    assert tree.pairs("references") == {("m.f", "m.a")}


def test_recursion_and_circles_of_values_end() -> None:
    calls(
        "function f() { return f() }\nf()\nconst x = () => y()\nconst y = () => x()\nx()\nlet z = () => (z = z())\nz()"
    )
    calls("class A extends B {}\nclass B extends A {}\nnew A().go()\nconst o = {}\no.o = o\no.o.o.o.f()")


def test_unresolved_calls_are_counted_and_builtins_are_not() -> None:
    tree = Tree({"m.js": "function f(x) { x(); x(); console.log([1].map(String)); parseInt('1') }"})
    assert dict(tree.links["m.js"].unresolved_sites) == {1: 2}


def test_functions_given_to_test_runners_are_test_cases() -> None:
    source = """
        import { sum } from './sum'
        describe('sum', () => { it('adds two', () => { sum(1) }); it.each([1])('adds %d', n => sum(n)) })
        test(`alone`, function () { sum() })
    """
    tree = Tree({"src/sum.test.ts": source, "src/sum.ts": "export function sum(...x: number[]) {}"})
    assert tree.tests() == {
        "src.sum.test.describe sum.it adds two",
        "src.sum.test.describe sum.it adds %d",
        "src.sum.test.test alone",
    }
    assert ("src.sum.test.describe sum.it adds two", "src.sum.sum") in tree.edges()


def test_broken_code_still_gives_what_can_be_read() -> None:
    tree = Tree({"m.js": "function good() {}\nfunction bad( { \nclass A { go() { good() } }\nconst = ;\ngood()"})
    assert tree.facts["m.js"].problems
    assert {one.name for one in tree.facts["m.js"].definitions} >= {"good"}


def test_documentation_signatures_and_lines_are_told() -> None:
    tree = Tree(
        {"m.ts": "/** Adds.\n * @param a one */\nexport function add(a: number, b = 1): number {\n  return a + b\n}"}
    )
    add = tree.facts["m.ts"].definitions[1]
    assert (add.doc, add.signature, add.start_line, add.end_line) == ("Adds.", "(a: number, b = 1): number", 3, 5)
    assert (add.least_args, add.most_args) == (0, 2)
