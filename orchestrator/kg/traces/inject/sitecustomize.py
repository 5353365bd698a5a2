"""Starts the tracer in every Python process with this folder on its PYTHONPATH; then runs the sitecustomize it hides.

``site`` imports it at the start of an interpreter. What goes wrong here must not reach the program: it runs untraced.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run_hidden() -> None:
    """The environment's own sitecustomize, which ours stands before."""
    path = [folder for folder in sys.path if os.path.abspath(folder or ".") != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


try:
    importlib.import_module("orchestrator_trace").start()
except Exception as error:  # noqa: BLE001 - whatever it is, a program must run as if we were not there
    print(f"not traced: {error!r}", file=sys.stderr)  # noqa: T201 - there is no logger in a foreign process
_run_hidden()
