"""Ruby: classes are reopened, modules mixed in, a bare name may be a call or a variable."""

from tests.kg.languages.reading import read

CART = """require 'json'
require 'shop/store'
require_relative 'base'

module Shop
  # What a customer buys.
  class Cart < Base
    include Priced
    attr_reader :size

    def initialize(size = 1)
      super()
      @shelf = Store::Shelf.new(size)
      @size = size
    end

    def self.make(*args) = new(*args)

    def total(prices)
      local = 1
      check
      local
      size
      @shelf.put(prices)
      log "total"
      twice
      self.class.make(1)
      Cart.make
      prices.vanish
      unknown_word
    end

    private

    def check
      Kernel.exit
    end
  end
end
"""
BASE = """module Shop
  class Base
    def initialize; end

    def log(text); end
  end

  module Priced
    def twice = price * 2

    def price = 1
  end
end
"""
STORE = """module Shop
  module Store
    class Shelf
      def initialize(size); end
      def put(thing); end
    end
  end
end
"""
MORE = """class Shop::Cart
  def more
    check
    make
  end
end
"""
SPEC = "def helper; end\n\ndescribe 'x' do\n  def inner; end\n  it('y') { helper; inner }\nend\n"
OTHER = "helper\ninner\n"
TREE = {
    "lib/shop/cart.rb": CART,
    "lib/shop/base.rb": BASE,
    "lib/shop/store.rb": STORE,
    "lib/shop/more.rb": MORE,
}
TOTAL = "lib/shop/cart.rb#Shop.Cart.total"


def test_modules_classes_and_methods_are_definitions() -> None:
    graph = read(TREE)
    assert graph.definition("lib/shop/cart.rb#Shop.Cart").doc == "What a customer buys."
    assert graph.definition("lib/shop/cart.rb#Shop.Cart.check").visibility == "internal"
    assert graph.definition(TOTAL).visibility == "public"


def test_calls_reach_own_inherited_mixed_in_methods_and_those_of_instance_variables() -> None:
    assert read(TREE).calls(TOTAL) == {
        "lib/shop/cart.rb#Shop.Cart.check",
        "lib/shop/store.rb#Shop.Store.Shelf.put",
        "lib/shop/base.rb#Shop.Base.log",
        "lib/shop/base.rb#Shop.Priced.twice",
        "lib/shop/cart.rb#Shop.Cart.make",
    }


def test_local_variables_are_no_calls_and_unknown_words_are_not_counted() -> None:
    assert read(TREE).unresolved(TOTAL) == {"vanish"}


def test_new_runs_initialize_and_super_that_of_the_base() -> None:
    graph = read(TREE)
    assert graph.calls("lib/shop/cart.rb#Shop.Cart.initialize") == {
        "lib/shop/store.rb#Shop.Store.Shelf.initialize",
        "lib/shop/base.rb#Shop.Base.initialize",
    }
    assert graph.calls("lib/shop/cart.rb#Shop.Cart.make") == {"lib/shop/cart.rb#Shop.Cart.initialize"}


def test_a_reopened_class_sees_its_other_part_and_methods_of_the_class_are_apart() -> None:
    assert read(TREE).calls("lib/shop/more.rb#Shop.Cart.more") == {"lib/shop/cart.rb#Shop.Cart.check"}


def test_inheriting_and_mixing_in_are_extending() -> None:
    cart = "lib/shop/cart.rb#Shop.Cart"
    assert {(cart, "lib/shop/base.rb#Shop.Base"), (cart, "lib/shop/base.rb#Shop.Priced")} <= read(TREE).pairs("extends")


def test_require_reaches_files() -> None:
    imports = read(TREE).pairs("imports")
    assert ("lib/shop/cart.rb", "lib/shop/store.rb") in imports
    assert ("lib/shop/cart.rb", "lib/shop/base.rb") in imports
    assert ("lib/shop/cart.rb", "external json") in imports


def test_what_a_block_defines_is_not_known_in_other_files() -> None:
    graph = read({"spec/a_spec.rb": SPEC, "b.rb": "def f\n  helper()\n  inner()\nend\n"})
    assert graph.calls("b.rb#f") == {"spec/a_spec.rb#helper"}


def test_tests_are_methods_named_so_in_files_of_tests() -> None:
    source = "class CartTest\n  def test_total; end\n  def helper; end\nend\n"
    assert read({"test/cart_test.rb": source}).tests() == {"test/cart_test.rb#CartTest.test_total"}


def test_a_block_outside_of_functions_may_run_for_an_object_with_a_method_of_the_name() -> None:
    spec = "def helper; end\n\ndef other; end\n\napp do\n  helper\n  other\nend\n"
    graph = read({"spec/a_spec.rb": spec, "lib/app.rb": "class App\n  def helper; end\nend\n"})
    assert graph.calls("spec/a_spec.rb") == {"spec/a_spec.rb#other"}


def test_methods_of_modules_further_out_are_not_known_and_those_a_class_is_extended_with_are() -> None:
    source = """module Outer
  def self.helpers; end
  def self.other; end
  module Loader
    def helpers; end
  end
  module Inner
    extend Loader
    helpers()
    other()
    alias again helpers
  end
end
"""
    assert read({"lib/a.rb": source}).calls("lib/a.rb#Outer.Inner") == {"lib/a.rb#Outer.Loader.helpers"}


def test_a_class_may_have_a_new_of_its_own() -> None:
    source = "module App\n  def self.new(base); end\nend\ndef f\n  App.new(1)\nend\n"
    assert read({"lib/a.rb": source}).calls("lib/a.rb#f") == {"lib/a.rb#App.new"}


def test_the_name_of_a_setter_is_no_call() -> None:
    source = "class A\n  def size; end\n  def size=(value); end\nend\n"
    assert read({"lib/a.rb": source}).calls("lib/a.rb#A.size=") == set()


def test_examples_are_tests_and_call() -> None:
    spec = """describe Cart do
  def made = Cart.new
  it "adds up, with 1.5" do
    made
    Cart.make
  end
end
"""
    graph = read({"spec/cart_spec.rb": spec, "lib/cart.rb": "class Cart\n  def self.make; end\nend\n"})
    example = "spec/cart_spec.rb#it adds up, with 15"
    assert graph.tests() == {example}
    assert graph.calls(example) == {"lib/cart.rb#Cart.make", "spec/cart_spec.rb#made"}
