"""Rust: modules are files, methods stand in impl blocks, use makes names, traits are bases."""

from tests.kg.languages.reading import read

MANIFEST = '[package]\nname = "my-shop"\nversion = "0.1.0"\n'
LIB = """//! A shop.
mod cart;
pub mod store;

pub use cart::Cart;

macro_rules! twice { ($e:expr) => { $e + $e } }

pub fn open() -> Cart {
    let mut cart = Cart::new(store::Shelf { size: 1 });
    cart.total(1);
    twice!(helper());
    cart
}

fn helper() -> u8 { 1 }
"""
CART = """use crate::store::{self, Shelf};
use super::helper as help;
use std::collections::HashMap;

/// What a customer buys.
#[derive(Debug)]
pub struct Cart {
    shelf: Box<Shelf>,
}

pub trait Priced {
    fn price(&self) -> u8;
    fn twice(&self) -> u8 { self.price() + self.price() }
}

impl Cart {
    pub fn new(shelf: Shelf) -> Self { Self::check(); help(); Cart { shelf: Box::new(shelf) } }

    fn check() {}

    pub fn total(&self, n: u8) -> u8 {
        self.shelf.put(n);
        let other = store::make();
        other.put(n);
        self.twice();
        HashMap::new();
        n.vanish()
    }
}

impl Priced for Cart {
    fn price(&self) -> u8 { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices() { assert_eq!(Cart::new(store::make()).price(), 1); }
}
"""
STORE = """pub struct Shelf { pub size: u8 }

impl Shelf { pub fn put(&self, n: u8) {} }

pub fn make() -> Shelf { Shelf { size: 2 } }
"""
BIN = "use my_shop::{open, Cart};\n\nfn main() { let c: Cart = open(); c.total(2); }\n"
TREE = {
    "Cargo.toml": MANIFEST,
    "src/lib.rs": LIB,
    "src/cart.rs": CART,
    "src/store/mod.rs": STORE,
    "src/bin/tool.rs": BIN,
}


def test_structs_traits_functions_and_macros_are_definitions() -> None:
    graph = read(TREE)
    assert graph.kinds("src/lib.rs") == {"twice!": "function", "open": "function", "helper": "function"}
    assert graph.kinds("src/cart.rs")["Cart"] == "class"
    cart = graph.definition("src/cart.rs#Cart")
    assert (cart.doc, cart.visibility) == ("What a customer buys.", "public")
    assert graph.definition("src/cart.rs#Cart.check").visibility == "internal"


def test_calls_reach_methods_functions_of_modules_and_macros() -> None:
    graph = read(TREE)
    assert graph.calls("src/lib.rs#open") == {
        "src/cart.rs#Cart.new",
        "src/cart.rs#Cart.total",
        "src/lib.rs#twice!",
        "src/lib.rs#helper",
    }
    assert graph.calls("src/cart.rs#Cart.new") == {
        "src/cart.rs#Cart.check",
        "src/lib.rs#helper",
        "external std.boxed.Box.new",
    }


def test_fields_have_types_and_traits_lend_their_methods() -> None:
    graph = read(TREE)
    assert graph.calls("src/cart.rs#Cart.total") == {
        "src/store/mod.rs#Shelf.put",
        "src/store/mod.rs#make",
        "src/cart.rs#Priced.twice",
        "external std.collections.HashMap.new",
    }
    assert graph.unresolved("src/cart.rs#Cart.total") == {"vanish"}


def test_a_method_of_a_trait_may_run_what_implements_it() -> None:
    graph = read(TREE)
    assert graph.calls("src/cart.rs#Priced.twice") == {"src/cart.rs#Priced.price"}
    assert graph.may_call("src/cart.rs#Priced.twice") == {"src/cart.rs#Cart.price"}


def test_implementing_is_extending_and_overriding() -> None:
    graph = read(TREE)
    assert ("src/cart.rs#Cart", "src/cart.rs#Priced") in graph.pairs("extends")
    assert ("src/cart.rs#Cart.price", "src/cart.rs#Priced.price") in graph.pairs("overrides")


def test_calls_inside_of_macros_are_seen_where_they_are_certain() -> None:
    assert read(TREE).calls("src/cart.rs#tests.prices") >= {"src/cart.rs#Cart.new", "src/store/mod.rs#make"}


def test_another_crate_reaches_what_the_library_exports_again() -> None:
    assert read(TREE).calls("src/bin/tool.rs#main") == {"src/lib.rs#open", "src/cart.rs#Cart.total"}


def test_tests_are_marked_by_their_attribute() -> None:
    assert read(TREE).tests() == {"src/cart.rs#tests.prices"}


def test_imports_reach_modules() -> None:
    imports = read(TREE).pairs("imports")
    assert ("src/lib.rs", "src/cart.rs") in imports
    assert ("src/cart.rs", "src/store/mod.rs") in imports
    assert ("src/cart.rs", "external std.collections.HashMap") in imports


def test_a_type_inside_of_an_impl_block_is_no_name_of_the_module() -> None:
    source = """struct A;
struct Oops(u8);
impl std::str::FromStr for A {
    type Err = Oops;
    fn from_str(s: &str) -> Result<Self, Oops> { Err(Oops(1)) }
}
"""
    assert read({"src/lib.rs": source}).calls("src/lib.rs#A.from_str") == {"src/lib.rs#Oops"}
