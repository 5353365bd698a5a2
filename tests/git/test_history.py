"""History as git tells it: commits, renames, changed lines, limits, and hostile names."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from orchestrator.core.commits import FilePatch, Hunk
from orchestrator.core.errors import InvalidInput
from orchestrator.git.history import HistoryLimits, read_history
from orchestrator.git.patches import read_patch
from orchestrator.git.program import run_git

_WHO = {
    "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org", "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+01:00",
    "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org",
}  # fmt: skip


async def commit(root: Path, subject: str, **files: str | None) -> str:
    """Write files (None deletes; ``__`` stands for the dot) and commit them."""
    for name, text in files.items():
        path = root / name.replace("__", ".")
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
    await run_git("add", "--all", cwd=root)
    await run_git("commit", "--quiet", "--allow-empty", "-m", subject, cwd=root, env=_WHO)
    return (await run_git("rev-parse", "HEAD", cwd=root)).text


@pytest.fixture
async def repository(tmp_path: Path) -> Path:
    await run_git("init", "--quiet", str(tmp_path))
    return tmp_path


async def test_commits_come_newest_first_with_their_files(repository: Path) -> None:
    first = await commit(repository, "one\n\nbody", a__txt="1\n2\n3\n", gone__txt="x\n")
    second = await commit(repository, "two", a__txt="1\nnew\n3\n4\n", gone__txt=None)
    history = await read_history(repository / ".git", second)
    newest, oldest = history.commits
    assert (newest.id, newest.parents, newest.subject) == (second, (first,), "two")
    assert (oldest.author, oldest.email, oldest.at) == ("Ann", "ann@example.org", "2026-01-02T03:04:05+01:00")
    assert [(file.path, file.status, file.added, file.removed) for file in newest.files] == [
        ("a.txt", "M", 2, 1), ("gone.txt", "D", 0, 1),
    ]  # fmt: skip
    assert (history.cut, history.patches_cut) == ("", "")
    assert history.patches[0].files == (
        FilePatch("a.txt", "a.txt", (Hunk(2, 1, 2, 1), Hunk(4, 0, 4, 1))),
        FilePatch("gone.txt", "", (Hunk(1, 1, 1, 0),)),
    )


async def test_renames_keep_both_names(repository: Path) -> None:
    await commit(repository, "one", a__txt="1\n2\n3\n4\n")
    head = await commit(repository, "two", a__txt=None, b__txt="1\n2\n3\n4\nfive\n")
    history = await read_history(repository / ".git", head)
    assert history.commits[0].files[0][:4] == ("b.txt", "a.txt", "R", 1)
    assert history.patches[0].files == (FilePatch("a.txt", "b.txt", (Hunk(5, 0, 5, 1),)),)


async def test_a_merge_has_the_patch_of_its_whole_branch_on_the_main_line(repository: Path) -> None:
    await commit(repository, "one", a__txt="1\n")
    await run_git("checkout", "--quiet", "-b", "side", cwd=repository)
    side = await commit(repository, "side", b__txt="1\n")
    await run_git("checkout", "--quiet", "-", cwd=repository)
    main = await commit(repository, "main", c__txt="1\n")
    await run_git("merge", "--quiet", "--no-ff", "-m", "merge", "side", cwd=repository, env=_WHO)
    head = (await run_git("rev-parse", "HEAD", cwd=repository)).text
    history = await read_history(repository / ".git", head)
    assert history.commits[0].parents == (main, side)
    assert history.commits[0].files == ()
    assert [patch.commit for patch in history.patches][:2] == [head, main]
    assert [file.path for file in history.patches[0].files] == ["b.txt"]


async def test_hostile_names_and_subjects_stay_what_they_are(repository: Path) -> None:
    strange = ["--- a", "x\ty", 'q"uote', "new\nline", "\x01" + "a" * 40, "ü@@ -1 +1 @@"]
    for name in strange:
        (repository / name).write_text("@@ -1,9 +1,9 @@\n--- a/x\n+++ b/y\n")
    head = await commit(repository, "\x01" + "b" * 40 + " \x1b[31m")
    history = await read_history(repository / ".git", head)
    assert [entry.id for entry in history.commits] == [head]
    assert sorted(file.path for file in history.commits[0].files) == sorted(strange)
    assert sorted(file.path for file in history.patches[0].files) == sorted(strange)
    assert {file.hunks for file in history.patches[0].files} == {(Hunk(1, 0, 1, 3),)}


async def test_reading_stops_at_its_limits_and_says_which(repository: Path) -> None:
    for number in range(5):
        head = await commit(repository, f"commit {number}", a__txt=f"{number}\n" * 500)
    told: list[tuple[str, int]] = []
    few = await read_history(
        repository / ".git", head, HistoryLimits(commits=3, patches=2), lambda what, count: told.append((what, count))
    )
    assert ([entry.subject[-1] for entry in few.commits], few.cut) == (["4", "3", "2"], "commits")
    assert (len(few.patches), few.patches_cut) == (2, "commits")
    assert told == [("commits", 3), ("patches", 2)]
    small = await read_history(repository / ".git", head, HistoryLimits(bytes=4000))
    assert (small.patches_cut, len(small.patches)) == ("bytes", 1)
    late = await read_history(repository / ".git", head, HistoryLimits(seconds=-1))
    assert (late.commits, late.cut) == ((), "seconds")


async def test_the_border_of_a_shallow_repository_is_left_out(repository: Path, tmp_path: Path) -> None:
    for number in range(3):
        head = await commit(repository, f"commit {number}", **{f"f{number}__txt": "1\n"})
    shallow = tmp_path / "shallow"
    source = repository.as_uri()
    await run_git("clone", "--quiet", "--bare", "--depth=2", source, str(shallow), allow_file=True)
    history = await read_history(shallow, head)
    assert [entry.subject for entry in history.commits] == ["commit 2"]
    assert (history.cut, history.patches_cut) == ("shallow", "shallow")


async def test_a_commit_is_named_in_full(repository: Path) -> None:
    with pytest.raises(InvalidInput):
        await read_history(repository / ".git", "--output=/tmp/x")


def test_a_diff_with_context_gives_only_the_changed_lines() -> None:
    text = "--- a/f.py\n+++ b/f.py\n@@ -1,5 +1,6 @@\n one\n-two\n+2\n three\n four\n+4.5\n five\n"
    assert read_patch(text) == (FilePatch("f.py", "f.py", (Hunk(2, 1, 2, 1), Hunk(5, 0, 5, 1))),)


@pytest.mark.parametrize("text", ["", "@@ -1 +1 @@", "@@ -1,99999999999 +1 @@\n-x", "--- a/x", "+++ \n@@ nonsense"])
def test_broken_diffs_end(text: str) -> None:
    assert all(isinstance(file, FilePatch) for file in read_patch(text))


async def test_fifty_thousand_commits_are_read_to_a_limit_and_the_cut_is_told(tmp_path: Path) -> None:
    head = await asyncio.to_thread(_long_history, tmp_path)
    told: list[tuple[str, int]] = []
    limits = HistoryLimits(commits=3_000, patches=200)
    history = await read_history(tmp_path, head, limits, lambda what, count: told.append((what, count)))
    assert (len(history.commits), history.cut) == (3_000, "commits")
    assert (len(history.patches), history.patches_cut) == (200, "commits")
    assert told[-1] == ("patches", 200)
    hurried = await read_history(tmp_path, head, HistoryLimits(seconds=0.001))
    assert (hurried.cut, hurried.patches_cut) == ("seconds", "seconds")


def _long_history(root: Path) -> str:
    """A bare repository of fifty thousand commits; its head."""
    told = ["feature done"]
    for number in range(1, 50_001):
        text = f"{number}\n"
        who = f"committer Ann <ann@example.org> {1_600_000_000 + number} +0000"
        told += ["commit refs/heads/main", f"mark :{number}", who]
        told += ["data 1", "x", *([f"from :{number - 1}"] if number > 1 else [])]
        told += [f"M 100644 inline f{number % 97}.py", f"data {len(text)}", text]
    git = ("git", "-C", str(root))
    subprocess.run([*git, "init", "-q", "--bare"], check=True, timeout=60)
    commits = "\n".join([*told, "done\n"]).encode()
    subprocess.run([*git, "fast-import", "--quiet"], input=commits, check=True, timeout=120)
    done = subprocess.run(
        [*git, "rev-parse", "refs/heads/main"], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()
