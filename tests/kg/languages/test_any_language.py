"""What holds for every language alike: hostile files end, graphs have their shape, order does not matter."""

import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from pyshacl import validate
from rdflib import Graph

import orchestrator.kg
from orchestrator.kg.facts import NotExtractedError
from orchestrator.kg.indexing.families import Families
from orchestrator.kg.indexing.languages import BY_NAME, language_of
from orchestrator.kg.query.export import export_graph
from tests.kg.conftest import Build
from tests.kg.languages import test_c, test_cpp, test_csharp, test_go, test_java, test_php, test_ruby, test_rust
from tests.kg.languages.reading import Reading, read

_TREES = {
    "go": test_go.TREE,
    "rust": test_rust.TREE,
    "java": test_java.TREE,
    "c": test_c.TREE,
    "c++": test_cpp.TREE,
    "c#": test_csharp.TREE,
    "ruby": test_ruby.TREE,
    "php": test_php.TREE,
}
_SHAPES = Path(next(iter(orchestrator.kg.__path__))) / "rdf"
_HOSTILE = {
    "brackets": b"(" * 10_000,
    "blocks": b"{" * 10_000,
    "balanced": b"x = " + b"(" * 10_000 + b"1" + b")" * 10_000 + b";\n",
    "calls": b"f(" * 10_000 + b")" * 10_000 + b";\n",
    "chain": b"a" + b".b()" * 5_000 + b";\n",
    "generics": b"A<" * 10_000 + b">" * 10_000 + b" x;\n",
    "classes": b"class A { " * 3_000 + b"}" * 3_000,
    "modules": b"module A\n" * 3_000 + b"mod a { " * 1_000 + b"namespace a { " * 1_000,
    "functions": b"fn f() { function g() { func h() { def i\n int j() { " * 1_000,
    "comments": b"// a\n" * 1_000 + b"# b\n" * 1_000,
    "quotes": b"\"'`" * 5_000,
    "words": b"impl trait class def func fn static public use import using " * 1_000,
    "nothing": b"",
    "line breaks": b"\n" * 100_000,
    "odd": "class \u202e { \ufeff \U0001f600 } \x01 \x7f".encode(),
    "declarators": b"int " + b"*(" * 5_000 + b"x" + b")" * 5_000 + b";\n",
    "macros": b"#define A(x) A(A(x))\n" * 1_000 + b"m!{ " + b"[a.b(" * 5_000,
    "attributes": b"#[a]\n" * 3_000 + b"@A\n" * 3_000 + b"[A]\n" * 3_000,
}


@pytest.mark.parametrize("language", sorted(_TREES))
def test_hostile_files_end_in_facts_or_a_reason(language: str) -> None:
    suffix = BY_NAME[language].suffixes[0]
    for name, content in _HOSTILE.items():
        for start in (b"", b"<?php\n") if language == "php" else (b"",):
            began = time.process_time()
            with suppress(NotExtractedError):
                assert len(read({f"x{suffix}": start + content}).facts[f"x{suffix}"].problems) <= 20, name
            assert time.process_time() - began < 20, name


@pytest.mark.parametrize("language", sorted(_TREES))
def test_half_a_file_still_has_what_stands_before_the_break(language: str) -> None:
    tree = _TREES[language]
    path, content = max(
        ((path, text) for path, text in tree.items() if not path.endswith((".toml", ".mod"))),
        key=lambda one: len(one[1]),
    )
    whole = read({path: content}).facts[path].definitions
    for cut in range(len(content) // 2, len(content), 37):
        lines = content[:cut].count("\n")
        ended = {one.name for one in whole if one.kind == "function" and one.end_line < lines}
        assert ended <= {one.name for one in read({path: content[:cut]}).facts[path].definitions}


@pytest.mark.parametrize("language", sorted(_TREES))
def test_links_do_not_depend_on_the_order_of_files(language: str) -> None:
    tree = _TREES[language]
    assert read(tree).links == read(dict(reversed(tree.items()))).links


@pytest.mark.parametrize("language", sorted(_TREES))
def test_links_after_an_edit_are_those_of_a_new_reading(language: str) -> None:
    tree = {path: str(text) for path, text in _TREES[language].items()}
    facts = read(tree).facts
    languages = {path: str(getattr(language_of(path, b""), "name", "")) for path in tree}
    families = Families(facts, languages, list(tree), recording=True)
    graph = Reading(facts, {path: families.link(path) for path in tree})
    told = {path: graph.told(path) for path in tree}
    chance = Random(language)
    for _ in range(30):
        path = chance.choice(sorted(path for path in tree if not path.endswith((".toml", ".mod"))))
        lines = tree[path].splitlines(keepends=True)
        at = chance.randrange(len(lines))
        lines[at] = chance.choice(("", "\n" + lines[at], lines[at] * 2, lines[chance.randrange(len(lines))]))
        tree[path] = "".join(lines) or "\n"
        new = facts[path] = BY_NAME[languages[path]].extract(tree[path].encode())
        for affected in families.update({path: new}, languages, list(tree)):
            graph.links[affected] = families.link(affected)
            told[affected] = graph.told(affected)
        fresh = Families(facts, languages, list(tree))
        anew = Reading(facts, {path: fresh.link(path) for path in tree})
        assert told == {path: anew.told(path) for path in tree}


def test_an_edit_links_the_files_it_can_matter_to() -> None:
    tree = test_java.TREE
    facts, languages = read(tree).facts, dict.fromkeys(tree, "java")
    families = Families(facts, languages, list(tree), recording=True)
    for path in tree:
        families.link(path)
    path = f"{test_java.MAIN}Cart.java"
    body = BY_NAME["java"].extract(test_java.CART.replace("check();", "int more = 1;\n    check();", 1).encode())
    assert families.update({path: body}, languages, list(tree)) == {path}
    renamed = BY_NAME["java"].extract(test_java.CART.replace("check(", "verify(").encode())
    assert families.update({path: renamed}, languages, list(tree)) == {path}
    total = BY_NAME["java"].extract(test_java.CART.replace("int total(", "int other(", 1).encode())
    mentioning = {path, f"{test_java.MAIN}Base.java", "src/test/java/com/shop/CartTest.java"}
    assert families.update({path: total}, languages, list(tree)) == mentioning
    based = BY_NAME["java"].extract(test_java.CART.replace("extends Base", "", 1).encode())
    assert families.update({path: based}, languages, list(tree)) == set(tree)


def test_graphs_of_all_languages_have_the_shape_they_should(build: Build, folder: Path) -> None:
    build({f"{number}/{path}": text for number, tree in enumerate(_TREES.values()) for path, text in tree.items()})
    export_graph(folder, "ntriples", folder / "all.nt")
    graph = Graph().parse(data=(folder / "all.nt").read_text(), format="nt")
    ontology = Graph().parse(_SHAPES / "ontology.ttl")
    conforms, _, words = validate(graph, shacl_graph=Graph().parse(_SHAPES / "shapes.ttl"), ont_graph=ontology)
    assert conforms, words


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a.go", 'package a\nimport "os"\nfunc f() { os.Getenv("KEY"); os.Getenv(name) }\n'),
        ("a.rs", 'fn f() { std::env::var("KEY"); }\n'),
        ("A.java", 'class A { void f() { System.getenv("KEY"); } }\n'),
        ("a.c", 'void f(void) { getenv("KEY"); }\n'),
        ("a.cc", 'void f() { std::getenv("KEY"); }\n'),
        ("A.cs", 'class A { void f() { Environment.GetEnvironmentVariable("KEY"); } }\n'),
        ("a.rb", "def f\n  ENV['KEY']\n  ENV.fetch('KEY')\nend\n"),
        ("a.php", "<?php function f() { getenv('KEY'); $_ENV['KEY']; }\n"),
    ],
)
def test_environment_variables_are_configuration(path: str, source: str) -> None:
    facts = read({path: source}).facts[path]
    assert {(facts.definitions[one.scope].name, one.key, one.origin) for one in facts.config} == {("f", "KEY", "env")}


def test_every_language_is_known_by_its_suffixes() -> None:
    for name, tree in _TREES.items():
        for path in tree:
            found = language_of(path, b"")
            assert found is not None
            assert found.linker is BY_NAME[name].linker, path
