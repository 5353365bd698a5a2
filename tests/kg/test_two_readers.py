"""Two processes read a tree as one does; what one leaves undone, the other does."""

import os
import subprocess
import sys
from pathlib import Path

from orchestrator.kg.indexing import two_readers
from orchestrator.kg.indexing.files import list_files
from orchestrator.kg.indexing.reading import read_contents
from orchestrator.kg.indexing.two_readers import read_in_two
from orchestrator.kg.query.runtime_dir import CODE_ROOT

_SCRIPT = """
import sys
from pathlib import Path
from orchestrator.kg.indexing.files import list_files
from orchestrator.kg.indexing.reading import read_contents
from orchestrator.kg.indexing.two_readers import read_in_two
root = Path(sys.argv[1])
paths = list_files(root)
found = list(read_in_two(root, paths, {}))
assert len(found) == len(paths)
assert {path: (one, fresh) for path, one, fresh in found} == {
    path: (one, fresh) for path, one, fresh in read_contents(root, paths, {})
}
print(len(found))
"""


def _tree(root: Path, count: int) -> Path:
    for number in range(count):
        text = f"import m{number - 1}\n\n\nclass C(m{number - 1}.C):\n    def f(self, x={number}): return self.g(x)\n"
        (root / f"m{number}.py").write_text(text)
    (root / "bytes.py").write_bytes(b"\xff\xfe")
    (root / "broken.py").write_text("def (")
    (root / "odd name é.txt").write_text("x")
    (root / "link.py").symlink_to("m1.py")
    return root


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    # In a process of its own, as the build is: it forks.
    command = [sys.executable, "-c", _SCRIPT, os.fspath(_tree(tmp_path, 260))]
    told = subprocess.run(command, cwd=CODE_ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "264"


def test_a_few_files_are_read_by_one_process(tmp_path: Path) -> None:
    root = _tree(tmp_path, 5)
    paths = list_files(root)
    assert list(read_in_two(root, paths, {})) == list(read_contents(root, paths, {}))


def test_what_a_dead_reader_had_taken_is_read_all_the_same(tmp_path: Path) -> None:
    root = _tree(tmp_path, 40)
    paths = list_files(root)
    pieces = [paths[at : at + 16] for at in range(0, len(paths), 16)]
    tickets = two_readers._tickets(len(pieces))
    source, target = os.pipe()
    os.read(tickets, 4)
    os.write(target, b"\x00\x01")  # it died while it wrote
    os.close(target)
    os.set_blocking(source, False)
    found = sorted(two_readers._gather(root, pieces, {}, tickets, source))
    os.close(source)
    os.close(tickets)
    assert [path for path, _, _ in found] == paths


def test_the_second_reader_holds_nothing_open_so_that_the_lock_of_a_killed_build_is_free(tmp_path: Path) -> None:
    source, kept = os.pipe()
    with (tmp_path / "build.lock").open("w"):
        child = os.fork()
        if not child:
            try:
                two_readers._let_go_of_all_but(kept)
                os.write(kept, " ".join(sorted(os.listdir("/proc/self/fd"), key=int)).encode())
            finally:
                os._exit(0)
        os.close(kept)
        with open(source, "rb") as told:
            held = [int(one) for one in told.read().split()]
        os.waitpid(child, 0)
    # The last one is the listing's own.
    assert held[:-1] == [0, 1, 2, kept] or held == [0, 1, 2, 3, kept]
