"""C: headers promise what other files define; static functions and macros; C++ sees C's headers."""

from tests.kg.languages.reading import read

HEADER = """#ifndef UTIL_H
#define UTIL_H
#define TWICE(x) ((x) + (x))
struct shelf { int size; int (*hook)(int); };
int add(int a, int b);
void never_defined(void);
static inline int half(int x) { return x / 2; }
#endif
"""
UTIL = """#include "util.h"

/* Adds. */
int add(int a, int b) { return check(a) + b; }

static int check(int a) { return a; }
"""
MAIN = """#include <stdio.h>
#include "lib/util.h"

static int check(int a) { return -a; }

typedef struct { int x; } point;

int run(struct shelf *s, int (*given)(int)) {
    printf("x");
    given(1);
    s->hook(2);
    never_defined();
    return add(TWICE(1), half(check(2)));
}
"""
STRANGER = "int lonely(void) { return add(1, 2); }\nint helper(void) { return 1; }\n"
TREE = {"lib/util.h": HEADER, "lib/util.c": UTIL, "main.c": MAIN, "tools/stranger.c": STRANGER}


def test_functions_structs_and_macros_are_definitions() -> None:
    graph = read(TREE)
    assert graph.kinds("lib/util.h") == {"TWICE": "function", "shelf": "class", "half": "function"}
    assert graph.kinds("main.c") == {"check": "function", "point": "class", "run": "function"}
    assert graph.definition("lib/util.c#add").doc == "Adds."


def test_static_is_internal() -> None:
    assert read(TREE).public("lib/util.c") == {"add"}


def test_calls_reach_the_one_definition_that_an_included_header_promises() -> None:
    assert read(TREE).calls("main.c#run") == {
        "lib/util.c#add",
        "lib/util.h#TWICE",
        "lib/util.h#half",
        "main.c#check",
        "external printf",
    }


def test_pointers_to_functions_and_promises_nobody_keeps_are_unresolved() -> None:
    assert read(TREE).unresolved("main.c#run") == {"given", "hook", "never_defined"}


def test_a_function_that_is_not_promised_here_is_a_candidate_only() -> None:
    graph = read(TREE)
    assert graph.calls("tools/stranger.c#lonely") == set()
    assert graph.may_call("tools/stranger.c#lonely") == {"lib/util.c#add"}


def test_two_definitions_of_one_promise_are_both_possible() -> None:
    graph = read(TREE | {"lib/other.c": '#include "util.h"\nint add(int a, int b) { return 0; }\n'})
    assert "lib/util.c#add" not in graph.calls("main.c#run")
    assert graph.may_call("main.c#run") >= {"lib/util.c#add", "lib/other.c#add"}


def test_includes_reach_files_of_the_tree() -> None:
    imports = read(TREE).pairs("imports")
    assert ("main.c", "lib/util.h") in imports
    assert ("main.c", "external stdio.h") in imports


def test_a_header_with_classes_is_read_as_cpp() -> None:
    graph = read({"shape.h": "namespace geo { class Shape { public: int area() { return 1; } }; }\n"})
    assert graph.kinds("shape.h") == {"geo": "module", "geo.Shape": "class", "geo.Shape.area": "function"}


def test_macros_of_any_number_of_arguments_leave_alternatives_possible() -> None:
    source = "#ifdef A\n#define RUN(...) a\n#else\n#define RUN(x) b\n#endif\nvoid f(void) { RUN(1); }\n"
    graph = read({"a.c": source})
    assert graph.calls("a.c#f") == set()
    assert graph.may_call("a.c#f") == {"a.c#RUN", "a.c#RUN~2"}


def test_a_macro_before_a_name_does_not_hide_a_function() -> None:
    graph = read({"a.c": "int API_CALL main(void)\n{ return 0; }\nAPI_PUBLIC(int *) made(int a) { return 0; }\n"})
    assert graph.kinds("a.c") == {"main": "function", "made": "function"}


def test_a_variable_with_values_in_braces_is_no_call() -> None:
    assert read({"a.c": "struct p { int x; };\nvoid f(void) { struct p q = { 1 }; }\n"}).calls("a.c#f") == set()
