"""C#: namespaces of both forms, using, partial classes, properties with code, extension of interfaces."""

from tests.kg.languages.reading import read

CART = """using System;
using Shop.Store;
using Text = Shop.Words;

namespace Shop;

/// <summary>What a customer buys.</summary>
public partial class Cart : Base, IPriced
{
    private readonly Shelf _shelf = new Shelf(1);
    public Shelf Other { get; set; }
    public int Size => Check();

    public Cart() : this(1) { }
    private Cart(int size) : base(size) { }

    public int Total(Shelf given)
    {
        _shelf.Put("x");
        Other?.Put("y");
        given.Put("z");
        base.Log("total");
        More();
        var made = new Shelf(2);
        made.Put("w");
        Text.Say();
        Console.WriteLine("x");
        return Check();
    }

    private int Check() => 1;
}
"""
PART = "namespace Shop { public partial class Cart { internal void More() { Check(); } } }\n"
BASE = """namespace Shop
{
    public class Base { protected Base(int size) { } protected void Log(string text) { } }
    public interface IPriced { int Total(Store.Shelf given); }
    public static class Words { public static void Say() { } }
}
"""
STORE = """namespace Shop.Store;
public class Shelf
{
    public Shelf(int size) { }
    public void Put(string thing) { }
    public void Take(params object[] things) { }
    public void Take(string one, string two) { }
    void Both() { Take("a", "b"); }
}
"""
TEST = """using Xunit;
namespace Shop.Tests;
public class CartTests { [Fact] public void Adds() { new Cart().Total(null); } }
"""
TREE = {"Cart.cs": CART, "Cart.More.cs": PART, "Base.cs": BASE, "Store/Shelf.cs": STORE, "Tests/CartTests.cs": TEST}


def test_classes_have_documentation_and_visibility() -> None:
    graph = read(TREE)
    assert graph.definition("Cart.cs#Cart").doc == "What a customer buys."
    assert graph.public("Cart.cs") == {"Cart", "Cart.Size", "Cart.Cart", "Cart.Total"}


def test_calls_reach_fields_properties_bases_parts_and_aliases() -> None:
    assert read(TREE).calls("Cart.cs#Cart.Total") == {
        "Store/Shelf.cs#Shelf.Put",
        "Store/Shelf.cs#Shelf.Shelf",
        "Base.cs#Shop.Base.Log",
        "Cart.More.cs#Shop.Cart.More",
        "Base.cs#Shop.Words.Say",
        "Cart.cs#Cart.Check",
    }


def test_parts_of_a_class_see_each_other() -> None:
    assert read(TREE).calls("Cart.More.cs#Shop.Cart.More") == {"Cart.cs#Cart.Check"}


def test_a_property_with_code_calls() -> None:
    assert read(TREE).calls("Cart.cs#Cart.Size") == {"Cart.cs#Cart.Check"}


def test_constructors_call_each_other_and_the_base() -> None:
    graph = read(TREE)
    assert graph.calls("Cart.cs#Cart.Cart") == {"Cart.cs#Cart.Cart~2"}
    assert graph.calls("Cart.cs#Cart.Cart~2") == {"Base.cs#Shop.Base.Base"}


def test_any_number_of_arguments_leaves_two_overloads_possible() -> None:
    graph = read(TREE)
    assert graph.calls("Store/Shelf.cs#Shelf.Both") == set()
    assert graph.may_call("Store/Shelf.cs#Shelf.Both") == {
        "Store/Shelf.cs#Shelf.Take",
        "Store/Shelf.cs#Shelf.Take~2",
    }


def test_a_name_that_some_using_may_bring_is_unknown() -> None:
    assert "WriteLine" in read(TREE).unresolved("Cart.cs#Cart.Total")


def test_bases_interfaces_and_overriding_are_links() -> None:
    graph = read(TREE)
    assert {("Cart.cs#Cart", "Base.cs#Shop.Base"), ("Cart.cs#Cart", "Base.cs#Shop.IPriced")} <= graph.pairs("extends")
    assert ("Cart.cs#Cart.Total", "Base.cs#Shop.IPriced.Total") in graph.pairs("overrides")


def test_using_reaches_the_files_whose_names_are_used() -> None:
    imports = read(TREE).pairs("imports")
    assert ("Cart.cs", "Store/Shelf.cs") in imports
    assert ("Cart.cs", "external System") in imports


def test_methods_with_attributes_are_tests() -> None:
    assert read(TREE).tests() == {"Tests/CartTests.cs#CartTests.Adds"}


def test_a_method_that_cannot_take_the_arguments_is_not_called_but_the_base_s_that_can() -> None:
    graph = read(
        {
            "A.cs": "class A { protected string Name(string key, string other) => key; }\n",
            "B.cs": (
                'class B : A { public string Name() => Name("a", "b");\n'
                "  public void Wrong() { Name(1, 2, 3); } public string Right() => Name(); }\n"
            ),
        }
    )
    assert graph.calls("B.cs#B.Name") == {"A.cs#A.Name"}
    assert graph.calls("B.cs#B.Right") == {"B.cs#B.Name"}
    assert graph.calls("B.cs#B.Wrong") == set()
    assert graph.unresolved("B.cs#B.Wrong") == {"Name"}
