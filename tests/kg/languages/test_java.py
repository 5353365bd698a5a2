"""Java: packages, classes, overloads by arity."""

from tests.kg.languages.reading import read

CART = """package com.shop;

import com.shop.store.Shelf;
import static com.shop.Prices.sum;
import java.util.List;

/** What a customer buys. */
public class Cart extends Base implements Priced {
  private final Shelf shelf = new Shelf(1);

  public Cart() { this(1); }

  Cart(int size) { super(size); }

  @Override
  public int total(List<Integer> prices) {
    check();
    this.check(1);
    shelf.put("x");
    var other = new Shelf();
    other.put("y");
    super.log("total");
    prices.size();
    return sum(prices) + Prices.count();
  }

  private void check() {}

  private void check(int times) {}

  void several(Shelf given) {
    given.take(1);
    Runnable later = new Runnable() {
      public void run() { check(); }
    };
    later.vanish();
  }
}
"""
BASE = """package com.shop;

class Base {
  Base(int size) {}

  protected void log(String text) {}
}

interface Priced {
  int total(java.util.List<Integer> prices);
}
"""
PRICES = """package com.shop;

import java.util.List;

class Prices {
  static int sum(List<Integer> prices) { return 0; }

  static int count() { return 0; }
}
"""
SHELF = """package com.shop.store;

public class Shelf {
  public Shelf() {}

  public Shelf(int size) {}

  public void put(String thing) {}

  public void take(int number) {}

  public void take(long number) {}
}
"""
TEST = """package com.shop;

import org.junit.jupiter.api.Test;

class CartTest {
  @Test
  void adds() { new Cart().total(null); }
}
"""
MAIN = "src/main/java/com/shop/"
TREE = {
    f"{MAIN}Cart.java": CART,
    f"{MAIN}Base.java": BASE,
    f"{MAIN}Prices.java": PRICES,
    f"{MAIN}store/Shelf.java": SHELF,
    "src/test/java/com/shop/CartTest.java": TEST,
}
TOTAL = f"{MAIN}Cart.java#Cart.total"


def test_classes_have_documentation_bases_and_visibility() -> None:
    graph = read(TREE)
    cart = graph.definition(f"{MAIN}Cart.java#Cart")
    assert (cart.doc, cart.bases) == ("What a customer buys.", ("Base", "Priced"))
    assert graph.public(f"{MAIN}Cart.java") == {"Cart", "Cart.Cart", "Cart.total"} | {"Cart.several.anonymous.run"}
    assert graph.public(f"{MAIN}Base.java") == {"Base.log", "Priced.total"}


def test_calls_reach_own_inherited_imported_and_static_methods() -> None:
    assert read(TREE).calls(TOTAL) == {
        f"{MAIN}Cart.java#Cart.check",
        f"{MAIN}Cart.java#Cart.check~2",
        f"{MAIN}store/Shelf.java#Shelf.put",
        f"{MAIN}store/Shelf.java#Shelf.Shelf",
        f"{MAIN}Base.java#Base.log",
        f"{MAIN}Prices.java#Prices.sum",
        f"{MAIN}Prices.java#Prices.count",
        "external java.util.List.size",
    }


def test_the_number_of_arguments_tells_overloads_apart_and_types_do_not() -> None:
    graph = read(TREE)
    assert graph.rules(TOTAL)["check"] == "self"
    assert graph.may_call(f"{MAIN}Cart.java#Cart.several") == {
        f"{MAIN}store/Shelf.java#Shelf.take",
        f"{MAIN}store/Shelf.java#Shelf.take~2",
    }


def test_constructors_call_each_other() -> None:
    graph = read(TREE)
    assert graph.calls(f"{MAIN}Cart.java#Cart.Cart") == {f"{MAIN}Cart.java#Cart.Cart~2"}
    assert graph.calls(f"{MAIN}Cart.java#Cart.Cart~2") == {f"{MAIN}Base.java#Base.Base"}


def test_an_anonymous_class_sees_the_class_around_unless_its_unknown_base_may_have_the_name() -> None:
    graph = read(TREE)
    inner = f"{MAIN}Cart.java#Cart.several.anonymous.run"
    assert graph.calls(inner) == set()
    assert graph.may_call(inner) == {f"{MAIN}Cart.java#Cart.check"}


def test_inheritance_implementation_and_overriding_are_links() -> None:
    graph = read(TREE)
    cart = f"{MAIN}Cart.java#Cart"
    assert {(cart, f"{MAIN}Base.java#Base"), (cart, f"{MAIN}Base.java#Priced")} <= graph.pairs("extends")
    assert (TOTAL, f"{MAIN}Base.java#Priced.total") in graph.pairs("overrides")


def test_imports_reach_the_files_of_classes() -> None:
    imports = read(TREE).pairs("imports")
    assert (f"{MAIN}Cart.java", f"{MAIN}store/Shelf.java") in imports
    assert (f"{MAIN}Cart.java", f"{MAIN}Prices.java") in imports
    assert (f"{MAIN}Cart.java", "external java.util.List") in imports


def test_annotated_methods_are_tests() -> None:
    assert read(TREE).tests() == {"src/test/java/com/shop/CartTest.java#CartTest.adds"}


def test_a_name_of_somebody_elses_package_that_starts_like_ours_is_outside() -> None:
    source = "package com.shop;\nimport com.other.Thing;\nclass A { void f() { Thing.make(); } }\n"
    assert read(TREE | {"A.java": source}).calls("A.java#A.f") == {"external com.other.Thing.make"}
