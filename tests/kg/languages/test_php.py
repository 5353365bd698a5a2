"""PHP: namespaces with backslashes, traits, promoted properties, functions of the global namespace."""

from tests.kg.languages.reading import read

CART = r"""<?php

namespace Shop;

use Shop\Store\Shelf;
use Other\Vendor\Thing as Alias;
use function Shop\Tools\sum;

/** What a customer buys. */
class Cart extends Base implements Priced
{
    use Logs;

    private ?Shelf $shelf;

    public function __construct(private Shelf $other, int $size = 1)
    {
        parent::__construct($size);
        $this->shelf = new Shelf();
    }

    public static function make(): static
    {
        return new self(new Shelf());
    }

    public function total(Shelf $given, $unknown): int
    {
        $this->check();
        self::make();
        $this->shelf->put(1);
        $this->other->put(2);
        $given?->put(3);
        $this->log('x');
        $made = Cart::make();
        $made->check();
        sum([1]);
        \strlen('x');
        helper();
        Alias::run();
        $unknown->vanish();
        return count([]);
    }

    private function check(): void {}
}
"""
BASE = r"""<?php
namespace Shop;
abstract class Base { public function __construct(int $size) {} }
interface Priced { public function total(Store\Shelf $given, $unknown): int; }
trait Logs { protected function log(string $text) {} }
"""
SHELF = "<?php\nnamespace Shop\\Store;\nclass Shelf { public function PUT(int $n) {} }\n"
TOOLS = "<?php\nnamespace Shop\\Tools { function sum(array $of) { return 0; } }\n"
GLOBAL = "<?php\nfunction helper() {}\nrequire_once __DIR__ . '/Cart.php';\n"
TEST = "<?php\nclass CartTest extends TestCase { public function testTotal() {} private function helper() {} }\n"
TREE = {
    "src/Cart.php": CART,
    "src/Base.php": BASE,
    "src/Store/Shelf.php": SHELF,
    "src/tools.php": TOOLS,
    "src/global.php": GLOBAL,
    "tests/CartTest.php": TEST,
}
TOTAL = "src/Cart.php#Cart.total"


def test_classes_have_documentation_bases_traits_and_visibility() -> None:
    graph = read(TREE)
    cart = graph.definition("src/Cart.php#Cart")
    assert (cart.doc, cart.bases) == ("What a customer buys.", ("Base", "Priced", "Logs"))
    assert graph.public("src/Cart.php") == {"Cart", "Cart.__construct", "Cart.make", "Cart.total"}


def test_calls_reach_properties_statics_traits_imported_and_global_functions() -> None:
    assert read(TREE).calls(TOTAL) == {
        "src/Cart.php#Cart.check",
        "src/Cart.php#Cart.make",
        "src/Store/Shelf.php#Shelf.PUT",
        "src/Base.php#Logs.log",
        "src/tools.php#Shop.Tools.sum",
        "src/global.php#helper",
        "external strlen",
        "external count",
        "external Other.Vendor.Thing.run",
    }
    assert read(TREE).unresolved(TOTAL) == {"vanish"}


def test_constructors_are_called_by_new_and_parent() -> None:
    graph = read(TREE)
    assert graph.calls("src/Cart.php#Cart.__construct") == {
        "src/Base.php#Base.__construct",
        "src/Store/Shelf.php#Shelf",
    }
    assert graph.calls("src/Cart.php#Cart.make") == {"src/Cart.php#Cart.__construct", "src/Store/Shelf.php#Shelf"}


def test_extending_implementing_and_traits_are_links() -> None:
    cart = "src/Cart.php#Cart"
    assert {(cart, f"src/Base.php#{name}") for name in ("Base", "Priced", "Logs")} <= read(TREE).pairs("extends")


def test_use_and_require_reach_files() -> None:
    imports = read(TREE).pairs("imports")
    assert ("src/Cart.php", "src/Store/Shelf.php") in imports
    assert ("src/global.php", "src/Cart.php") in imports


def test_tests_are_methods_named_so_in_files_of_tests() -> None:
    assert read(TREE).tests() == {"tests/CartTest.php#CartTest.testTotal"}


def test_a_called_object_runs_its_invoke_method_never_its_constructor() -> None:
    retry = (
        "<?php\nclass Retry {\n  public function __construct(callable $next) {}\n"
        "  public function __invoke($request) { return 1; }\n"
        "  private function again($request) { return $this($request); }\n}\n"
        "function run() { $retry = new Retry('f'); return $retry(1); }\n"
        "class Plain { public function again() { return $this(1); } }\n"
    )
    graph = read({"Retry.php": retry})
    assert graph.calls("Retry.php#Retry.again") == {"Retry.php#Retry.__invoke"}
    assert graph.rules("Retry.php#Retry.again") == {"this": "self"}
    assert graph.calls("Retry.php#run") == {"Retry.php#Retry.__construct", "Retry.php#Retry.__invoke"}
    assert graph.calls("Retry.php#Plain.again") == set()
