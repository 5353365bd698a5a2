"""What an entry need not say: what its arguments name is shown for reading, and what is usual for its command."""

import os
from pathlib import Path

import pytest

from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Wish
from tests.sandbox.conftest import PYTHON, spawn


async def test_what_the_arguments_name_can_be_read_and_not_written_and_nothing_beside_it(
    starter: Starter, tmp_path: Path
) -> None:
    files, secret = tmp_path / "files", tmp_path / "data" / "secret"
    files.mkdir()
    (files / "one").write_text("one")
    (tmp_path / "settings.json").write_text("two")
    (tmp_path / "beside").write_text("three")
    script = """if True:
        import os, sys
        folder, option, secret, home = sys.argv[1:]
        settings = option.partition("=")[2]
        print(open(folder + "/one").read(), open(settings).read(), sorted(os.listdir(os.path.dirname(settings))))
        print(os.path.exists(secret), os.access(folder + "/one", os.W_OK), os.path.exists(home + "/.bashrc"))
        open(folder + "/new", "w")
    """
    home = os.path.expanduser("~")
    words = [PYTHON, "-c", script, str(files), f"--settings={tmp_path / 'settings.json'}", str(secret), home]
    process = await spawn(starter, words)
    out, err = await process.communicate()
    assert out.decode().splitlines() == ["one two ['files', 'settings.json']", "False False False"]
    assert b"Read-only file system" in err


async def test_what_the_arguments_name_within_a_writable_folder_is_not_mounted_apart(
    starter: Starter, tmp_path: Path
) -> None:
    """The program could put a link in its place, and find what that names in its next start."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "link").symlink_to(tmp_path / "data")
    (work / "out").symlink_to("/etc")
    wish = Wish.of(folders=[{"path": str(work), "access": "rw"}])
    words = ["/usr/bin/ls", str(work / "link"), str(work / "out")]
    start = await starter.start(words, environment=os.environ, wish=wish)
    assert not [word for word in start.arguments if word.startswith("ro=") and str(work) in word]


@pytest.mark.parametrize(
    ("command", "sandbox", "network"),
    [
        ("python", "preferred", "none"), ("/usr/bin/node", "preferred", "none"), ("npx", "preferred", "full"),
        ("/opt/bin/uvx", "preferred", "full"), ("docker", "off", "full"),
    ],
)  # fmt: skip
def test_what_an_entry_does_not_say_follows_from_its_command(command: str, sandbox: str, network: str) -> None:
    wish = Wish.of(command=command)
    assert (wish.mode, wish.network) == (sandbox, network)
    asked = Wish.of("required", "loopback", command=command)
    assert (asked.mode, asked.network) == ("required", "loopback")
