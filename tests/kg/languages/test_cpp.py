"""C++: namespaces, classes in headers with methods in other files, constructors, overloads, tests by macro."""

from tests.kg.languages.reading import read

HEADER = """#pragma once
#include <memory>

namespace shop {

class Base {
 public:
  virtual ~Base();
  virtual int price() const = 0;
  void log(int level) {}
};

// What a customer buys.
class EXPORT Cart : public Base {
 public:
  explicit Cart(int size);
  int price() const override;
  void put(int a);
  void put(int a, int b);
  static Cart make();

 private:
  int check() { return 1; }
  std::unique_ptr<Base> other_;
};

int helper(int x);

}  // namespace shop
"""
SOURCE = """#include "shop/cart.h"

namespace shop {

Cart::Cart(int size) : Base() {}

int Cart::price() const {
  other_->log(1);
  log(2);
  return check() + helper(1);
}

void Cart::put(int a) { put(a, 1); }

void Cart::put(int a, int b) {}

Cart Cart::make() { return Cart(1); }

int helper(int x) { return x; }

}
"""
MAIN = """#include "shop/cart.h"
using namespace shop;

int run() {
  Cart cart(1);
  cart.put(1);
  Cart* more = new Cart(2);
  more->put(1, 2);
  auto made = Cart::make();
  made.price();
  shop::helper(1);
  return ::shop::helper(2);
}

void unknown(Base& base) { base.price(); }
"""
TEST = '#include "shop/cart.h"\n#include <gtest/gtest.h>\n\nTEST(Cart, Prices) { EXPECT_EQ(shop::helper(1), 1); }\n'
TREE = {"include/shop/cart.h": HEADER, "src/cart.cc": SOURCE, "src/main.cc": MAIN, "tests/cart_test.cc": TEST}


def test_methods_outside_of_their_class_belong_to_it() -> None:
    graph = read(TREE)
    members = graph.pairs("members")
    assert ("src/cart.cc#shop.Cart.price", "include/shop/cart.h#shop.Cart") in members
    assert ("src/cart.cc#shop.Cart.Cart", "include/shop/cart.h#shop.Cart") in members


def test_classes_have_documentation_and_visibility_by_section() -> None:
    graph = read(TREE)
    assert graph.definition("include/shop/cart.h#shop.Cart").doc == "What a customer buys."
    assert graph.definition("include/shop/cart.h#shop.Cart.check").visibility == "internal"


def test_calls_in_a_method_reach_fields_inherited_and_own_methods_and_the_namespace() -> None:
    assert read(TREE).calls("src/cart.cc#shop.Cart.price") == {
        "include/shop/cart.h#shop.Base.log",
        "include/shop/cart.h#shop.Cart.check",
        "src/cart.cc#shop.helper",
    }


def test_calls_elsewhere_reach_constructors_overloads_and_qualified_names() -> None:
    graph = read(TREE)
    assert graph.calls("src/main.cc#run") == {
        "src/cart.cc#shop.Cart.Cart",
        "src/cart.cc#shop.Cart.put",
        "src/cart.cc#shop.Cart.put~2",
        "src/cart.cc#shop.Cart.make",
        "src/cart.cc#shop.Cart.price",
        "src/cart.cc#shop.helper",
    }


def test_a_virtual_method_may_run_what_overrides_it() -> None:
    graph = read(TREE)
    assert graph.calls("src/main.cc#unknown") == {"include/shop/cart.h#shop.Base.price"}
    assert graph.may_call("src/main.cc#unknown") == {"src/cart.cc#shop.Cart.price"}
    assert ("src/cart.cc#shop.Cart.price", "include/shop/cart.h#shop.Base.price") in graph.pairs("overrides")


def test_bases_are_links_and_macros_before_a_name_do_not_hide_a_class() -> None:
    assert ("include/shop/cart.h#shop.Cart", "include/shop/cart.h#shop.Base") in read(TREE).pairs("extends")


def test_what_is_not_included_is_not_known() -> None:
    graph = read(TREE | {"other.cc": "int f() { return shop::helper(1); }\n"})
    assert graph.calls("other.cc#f") == set()


def test_tests_are_those_of_the_macros() -> None:
    graph = read(TREE)
    assert graph.tests() == {"tests/cart_test.cc#Cart.Prices"}
    assert "src/cart.cc#shop.helper" in graph.calls("tests/cart_test.cc#Cart.Prices")


def test_a_test_of_a_fixture_calls_the_fixture_s_methods_before_functions_of_that_name() -> None:
    graph = read(
        {
            "db.h": "namespace db { int Repair(const char* name, int options); }\n",
            "db.cc": '#include "db.h"\nnamespace db { int Repair(const char* name, int options) { return 0; } }\n',
            "db_test.cc": (
                '#include "db.h"\n#include <gtest/gtest.h>\nnamespace db {\n'
                "class RepairTest : public testing::Test {\n public:\n"
                '  void Repair() { ::db::Repair("a", 1); }\n};\n'
                'TEST_F(RepairTest, Works) { Repair(); }\nTEST(Other, Works) { Repair("a", 1); }\n'
                "TEST(Other, Fails) { Repair(1, 2, 3); }\n}\n"
            ),
        }
    )
    assert graph.calls("db_test.cc#db.RepairTest.Works") == {"db_test.cc#db.RepairTest.Repair"}
    assert graph.calls("db_test.cc#db.RepairTest.Repair") == {"db.cc#db.Repair"}
    assert graph.calls("db_test.cc#db.Other.Works") == {"db.cc#db.Repair"}
    assert graph.calls("db_test.cc#db.Other.Fails") == set()
    assert ("db_test.cc#db.RepairTest.Works", "db_test.cc#db.RepairTest") in graph.pairs("members")
    assert "db_test.cc#db.RepairTest.Works" in graph.tests()
