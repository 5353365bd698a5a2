"""``python -m benchmarks.kg_parse FOLDER``: CPU seconds that the interpreter's own parser needs for a tree's files.

A process of its own, so that its collector of garbage walks over the trees and nothing else: within a benchmark that
holds much it took more than twice as long. Used by the benchmark of the cold build.
"""

import ast
import sys
import time
import warnings
from pathlib import Path


def main(folder: str) -> None:
    """Parse them all, one after the other."""
    texts = [path.read_bytes() for path in sorted(Path(folder).rglob("*.py"))]
    warnings.simplefilter("ignore")
    began = time.process_time()
    for text in texts:
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            continue  # the sdist brings broken files on purpose
    print(time.process_time() - began)


if __name__ == "__main__":
    main(sys.argv[1])
