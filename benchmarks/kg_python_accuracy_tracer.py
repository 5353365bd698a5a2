"""Runs a script and writes which functions of a tree called which, as JSON. Started by the benchmark, in a process.

``python kg_python_accuracy_tracer.py ROOT OUT SCRIPT [ARGUMENTS…]``. An edge is (file, qualified name, file, qualified
name). Modules, lambdas, comprehensions and resumed generators are left out; what they call counts for the function
around them. Stands alone: the traced program has an environment of its own.
"""

import json
import os
import runpy
import sys
import threading
from types import FrameType

_INNER = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")
_GENERATOR, _FIRST_INSTRUCTIONS = 0x20, 4


def main() -> None:
    """Trace what the command line names."""
    root, out, *script = sys.argv[1:]
    prefix, edges = os.path.realpath(root) + "/", set()

    def called(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(prefix) or code.co_name in (*_INNER, "<module>"):
            return
        if frame.f_lasti > _FIRST_INSTRUCTIONS and code.co_flags & _GENERATOR:
            return
        caller = frame.f_back
        while caller and caller.f_code.co_name in _INNER and caller.f_code.co_filename.startswith(prefix):
            caller = caller.f_back
        if caller and caller.f_code.co_filename.startswith(prefix) and caller.f_code.co_name != "<module>":
            at, to = caller.f_code, code
            edges.add((at.co_filename[len(prefix) :], at.co_qualname, to.co_filename[len(prefix) :], to.co_qualname))

    sys.argv = script
    sys.path.insert(0, os.path.dirname(os.path.abspath(script[0])))
    threading.setprofile(called)
    sys.setprofile(called)
    try:
        runpy.run_path(script[0], run_name="__main__")
    finally:
        sys.setprofile(None)
        with open(out, "w", encoding="utf-8") as stream:
            json.dump(sorted(edges), stream)


if __name__ == "__main__":
    main()
