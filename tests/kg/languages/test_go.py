"""Go: packages are folders, methods stand outside of their types."""

from tests.kg.languages.reading import read

MOD = "module example.com/shop\n\nrequire example.com/money v1.2.0\n"
CART = """// Package cart holds things.
package cart

import (
\t"fmt"

\t"example.com/shop/store"
)

// Cart is what a customer buys.
type Cart struct {
\tBase
\tshelf *store.Shelf
\titems []string
}

// Total adds up.
func (c *Cart) Total(prices ...int) (int, error) {
\tc.check()
\tc.shelf.Put("x")
\tc.Log("total")
\tfmt.Println(len(prices))
\treturn sum(prices), nil
}

func (c *Cart) check() { helper() }

func New() *Cart {
\tfresh := &Cart{}
\tfresh.check()
\tmade := store.NewShelf()
\tmade.Put("y")
\treturn fresh
}
"""
OTHER = """package cart

type Base struct{}

func (b Base) Log(text string) {}

func helper() { unknown.Thing() }

func sum(prices []int) int { return int(prices[0]) }

func use(x interface{ Put(string) }) { x.Put("z"); x.Vanish() }
"""
STORE = """package store

type Shelf struct{}

func NewShelf() *Shelf { return new(Shelf) }

func (s *Shelf) Put(thing string) {}
"""
TEST = """package cart

import "testing"

func TestTotal(t *testing.T) { New().Total(1) }

func helperOfTests() {}
"""
TREE = {
    "go.mod": MOD,
    "cart/cart.go": CART,
    "cart/base.go": OTHER,
    "store/shelf.go": STORE,
    "cart/cart_test.go": TEST,
}


def test_types_methods_and_functions_are_definitions_with_documentation() -> None:
    graph = read(TREE)
    assert graph.kinds("cart/cart.go") == {
        "Cart": "class",
        "Cart.Total": "function",
        "Cart.check": "function",
        "New": "function",
    }
    total = graph.definition("cart/cart.go#Cart.Total")
    assert total.doc == "Total adds up."
    assert total.signature == "(prices ...int) -> (int, error)"
    assert (total.least_args, total.most_args) == (0, -1)


def test_capitals_are_public() -> None:
    assert read(TREE).public("cart/cart.go") == {"Cart", "Cart.Total", "New"}


def test_a_method_belongs_to_its_type_in_whatever_file_that_stands() -> None:
    tree = TREE | {"cart/more.go": "package cart\n\nfunc (c Cart) More() {}\n"}
    assert ("cart/more.go#Cart.More", "cart/cart.go#Cart") in read(tree).pairs("members")


def test_calls_reach_methods_of_the_receiver_its_fields_and_what_is_embedded() -> None:
    graph = read(TREE)
    assert graph.calls("cart/cart.go#Cart.Total") == {
        "cart/cart.go#Cart.check",
        "store/shelf.go#Shelf.Put",
        "cart/base.go#Base.Log",
        "cart/base.go#sum",
        "external fmt.Println",
    }
    assert graph.rules("cart/cart.go#Cart.Total") == {
        "check": "self", "Put": "instance", "Log": "self", "sum": "import", "Println": "external",
    }  # fmt: skip


def test_a_variable_has_the_type_that_made_it() -> None:
    assert read(TREE).calls("cart/cart.go#New") == {
        "cart/cart.go#Cart.check",
        "store/shelf.go#NewShelf",
        "store/shelf.go#Shelf.Put",
    }


def test_an_unknown_receiver_gives_candidates_or_nothing() -> None:
    graph = read(TREE)
    assert graph.calls("cart/base.go#use") == set()
    assert graph.may_call("cart/base.go#use") == {"store/shelf.go#Shelf.Put"}
    assert graph.unresolved("cart/base.go#use") == {"Put", "Vanish"}


def test_conversions_and_built_in_functions_are_no_calls() -> None:
    graph = read(TREE)
    assert graph.calls("cart/base.go#sum") == set()
    assert graph.unresolved("cart/base.go#sum") == set()


def test_imports_reach_the_files_of_the_package_that_are_used() -> None:
    imports = read(TREE).pairs("imports")
    assert ("cart/cart.go", "store/shelf.go") in imports
    assert ("cart/cart.go", "external fmt") in imports


def test_a_package_of_another_module_with_the_same_folder_is_outside() -> None:
    tree = TREE | {"main.go": 'package main\n\nimport "example.org/other/store"\n\nfunc main() { store.NewShelf() }\n'}
    assert read(tree).calls("main.go#main") == {"external example.org/other/store.NewShelf"}


def test_embedding_is_extending() -> None:
    assert ("cart/cart.go#Cart", "cart/base.go#Base") in read(TREE).pairs("extends")


def test_tests_are_functions_named_so_in_test_files() -> None:
    assert read(TREE).tests() == {"cart/cart_test.go#TestTotal"}


def test_names_are_those_of_the_import_path() -> None:
    links = read(TREE).links["cart/cart.go"]
    assert links.module_name == "example.com/shop/cart"
