"""Mirrors: made whole or not at all, kept up to date, read, and removed."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from orchestrator.core.errors import Conflict, InvalidInput, NotFound, RepositoryFailed, TimedOut, TooLarge
from orchestrator.git.address import pinned_settings
from orchestrator.git.credential import Credential
from orchestrator.git.diff import commit_all, push_branch
from orchestrator.git.lock import held
from orchestrator.git.mirror import Mirrors
from orchestrator.git.templates import TEMPLATES, Author, template_files
from orchestrator.git.url import parse_repository_url
from orchestrator.git.worktree import Worktrees
from tests.git.http_server import private_git

Git = Callable[..., str]
ADA = Credential("ada", "s3cret-t0ken")


def _left(mirrors: Mirrors) -> list[str]:
    return sorted(path.name for path in mirrors.root.iterdir() if path.name != ".locks")


async def test_a_local_repository_is_mirrored_with_branches_and_tags(mirrors: Mirrors, source: Path, git: Git) -> None:
    project = uuid4()
    info = await mirrors.create_from_path(project, source)
    assert (info.head, info.default_branch) == (git(source, "rev-parse", "HEAD"), "trunk")
    assert await mirrors.head(project, "v1") == await mirrors.head(project, "feature/x")
    assert await mirrors.head(project, info.head[:10]) == info.head
    assert set(await mirrors.branches(project)) == {"trunk", "feature/x"}
    assert _left(mirrors) == [f"{project}.git"]


async def test_a_fetch_follows_the_source_and_forgets_what_it_dropped(mirrors: Mirrors, source: Path, git: Git) -> None:
    project = uuid4()
    first = await mirrors.create_from_path(project, source)
    git(source, "branch", "-D", "feature/x")
    git(source, "checkout", "-q", "-b", "next")
    git(source, "commit", "-q", "--allow-empty", "-m", "three")
    second = await mirrors.fetch(project)
    assert second.head != first.head
    assert second.default_branch == "next"
    assert set(await mirrors.branches(project)) == {"trunk", "next"}


async def test_a_detached_head_is_a_head_too(mirrors: Mirrors, source: Path, git: Git) -> None:
    git(source, "checkout", "-q", "v1")
    info = await mirrors.create_from_path(uuid4(), source)
    assert (info.head, info.default_branch) == (git(source, "rev-parse", "v1"), "HEAD")


async def test_a_shallow_checkout_is_mirrored_with_or_without_a_branch(
    mirrors: Mirrors, source: Path, git: Git, tmp_path: Path
) -> None:
    shallow = tmp_path / "shallow"
    git(source, "clone", "-q", "--depth", "1", source.as_uri(), str(shallow))
    head = git(source, "rev-parse", "HEAD")
    project = uuid4()
    info = await mirrors.create_from_path(project, shallow)
    assert (info.head, info.default_branch) == (head, "trunk")
    git(shallow, "checkout", "-q", "--detach")
    git(shallow, "branch", "-q", "-D", "trunk")
    assert (await mirrors.fetch(project)).head == head
    info = await mirrors.create_from_path(uuid4(), shallow)
    assert (info.head, info.default_branch) == (head, "HEAD")


async def test_what_is_not_a_repository_with_commits_is_refused_by_its_field(
    mirrors: Mirrors, source: Path, git: Git, tmp_path: Path
) -> None:
    plain, empty = tmp_path / "plain", tmp_path / "empty"
    plain.mkdir()
    git(tmp_path, "init", "-q", str(empty))
    for path in (plain, empty, source / "src"):
        with pytest.raises(InvalidInput) as caught:
            await mirrors.create_from_path(uuid4(), path)
        assert caught.value.field == "path"
    assert _left(mirrors) == []


async def test_a_repository_may_not_keep_its_data_outside_the_roots(
    mirrors: Mirrors, source: Path, git: Git, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    git(tmp_path, "clone", "-q", str(source), str(secret))
    root = tmp_path / "projects"
    pointer, borrower = root / "pointer", root / "borrower"
    pointer.mkdir()
    (pointer / ".git").write_text(f"gitdir: {secret / '.git'}\n")
    git(tmp_path, "clone", "-q", "--shared", str(secret), str(borrower))
    for path in (pointer, borrower):
        with pytest.raises(InvalidInput, match="outside"):
            await mirrors.create_from_path(uuid4(), path, roots=[root])
    await mirrors.create_from_path(uuid4(), source, roots=[root])


async def test_a_second_mirror_of_one_project_is_a_conflict(mirrors: Mirrors, source: Path) -> None:
    project = uuid4()
    await mirrors.create_from_path(project, source)
    with pytest.raises(Conflict):
        await mirrors.create_from_path(project, source)


async def test_a_deleted_mirror_is_gone_and_what_is_gone_is_not_found(mirrors: Mirrors, source: Path) -> None:
    project = uuid4()
    await mirrors.create_from_path(project, source)
    await mirrors.delete(project)
    await mirrors.delete(project)
    assert _left(mirrors) == []
    with pytest.raises(NotFound):
        await mirrors.head(project)


@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_template_becomes_a_repository_with_one_commit(mirrors: Mirrors, template: str) -> None:
    project, files = uuid4(), template_files(template, "2 Fast: My Project!")
    info = await mirrors.create_from_template(project, files, Author("Ada L", "ada@example.org"))
    assert info.default_branch == "main"
    assert {entry.path for entry in await mirrors.list_files(project, info.head)} == set(files)
    assert await mirrors.read_file(project, info.head, "README.md") == files["README.md"].encode()
    assert await mirrors.fetch(project) == info
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")


@pytest.mark.parametrize("path", ["../x", "/x", ".git/config", "a/.Git/x", 'a"b', "a\nb", ""])
async def test_a_first_commit_takes_no_hostile_path(mirrors: Mirrors, path: str) -> None:
    with pytest.raises(InvalidInput):
        await mirrors.create_from_template(uuid4(), {path: "x"}, Author("Ada", "ada@example.org"))
    with pytest.raises(InvalidInput):
        Author("Ada\ncommitter", "ada@example.org")


async def test_files_are_listed_and_read_without_following_links(mirrors: Mirrors, source: Path, git: Git) -> None:
    (source / "passwd").symlink_to("/etc/passwd")
    (source / b"caf\xe9.txt".decode("utf-8", "surrogateescape")).write_bytes(b"\xff\0")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "odd files")
    project = uuid4()
    head = (await mirrors.create_from_path(project, source)).head
    kinds = {entry.path: entry.kind for entry in await mirrors.list_files(project, head)}
    assert kinds["passwd"] == "symlink"
    assert kinds["caf\\xe9.txt"] == "file"
    assert await mirrors.read_file(project, head, "src/a.py") == b"def a() -> int:\n    return 1\n"
    with pytest.raises(InvalidInput, match="symbolic link"):
        await mirrors.read_file(project, head, "passwd")
    with pytest.raises(InvalidInput, match="folder"):
        await mirrors.read_file(project, head, "src")
    with pytest.raises(TooLarge):
        await mirrors.read_file(project, head, "src/a.py", max_bytes=5)
    for path in ("none", ":(glob)*", "src/*.py"):
        with pytest.raises(NotFound):
            await mirrors.read_file(project, head, path)
    for path in ("../x", "", "a\0"):
        with pytest.raises(InvalidInput):
            await mirrors.read_file(project, head, path)


@pytest.mark.parametrize("ref", ["-x", "--all", "a..b", "HEAD^", "a b", "@{-1}", "a:b", "x\n", ""])
async def test_a_hostile_name_of_a_commit_is_refused(mirrors: Mirrors, source: Path, ref: str) -> None:
    project = uuid4()
    await mirrors.create_from_path(project, source)
    with pytest.raises(InvalidInput):
        await mirrors.head(project, ref)
    with pytest.raises(InvalidInput):
        await mirrors.list_files(project, ref)


async def test_a_private_repository_is_cloned_and_its_credential_is_nowhere_to_be_seen(
    mirrors: Mirrors, source: Path
) -> None:
    seen: list[tuple[str, int]] = []
    project = uuid4()
    with private_git(source.parent) as server:
        server.open.clear()
        url = f"{server.url}/source/.git"
        cloning = asyncio.create_task(
            mirrors.create(
                project, url, credential=ADA, on_progress=lambda phase, percent: seen.append((phase, percent))
            )
        )
        assert await asyncio.to_thread(server.entered.wait, 20)
        lines = await asyncio.to_thread(_command_lines)
        server.open.set()
        info = await cloning
    assert any("git-remote-http" in line or "remote-http" in line for line in lines)
    assert not any("s3cret" in line for line in lines)
    assert ("Receiving objects", 100) in seen
    stored = b"".join(path.read_bytes() for path in info.path.rglob("*") if path.is_file())
    assert b"s3cret" not in stored
    assert url.encode() in stored


def _command_lines() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


async def test_wrong_and_missing_credentials_fail_with_a_hint_and_leave_nothing(mirrors: Mirrors, source: Path) -> None:
    with private_git(source.parent) as server:
        for credential in (None, Credential("ada", "wr0ng-t0ken")):
            with pytest.raises(RepositoryFailed) as caught:
                await mirrors.create(uuid4(), f"{server.url}/source/.git", credential=credential)
            assert caught.value.hint is not None
            assert "wr0ng" not in str(caught.value.as_dict())
    assert _left(mirrors) == []


async def test_a_redirect_to_another_host_does_not_get_the_credential(mirrors: Mirrors, source: Path) -> None:
    with private_git(source.parent) as honest, private_git(source.parent) as thief:
        honest.redirect_to = thief.url
        with pytest.raises(RepositoryFailed):
            await mirrors.create(uuid4(), f"{honest.url}/source/.git", credential=ADA)
        assert thief.authorizations
        assert set(thief.authorizations) == {None}


async def test_a_branch_is_pushed_with_a_credential(
    mirrors: Mirrors, worktrees: Worktrees, source: Path, git: Git
) -> None:
    git(source, "config", "http.receivepack", "true")
    project = uuid4()
    with private_git(source.parent) as server:
        url = f"{server.url}/source/.git"
        info = await mirrors.create(project, url, credential=ADA)
        tree = await worktrees.add(project, "task", info.head)
        (tree.path / "new.txt").write_text("new\n")
        commit = await commit_all(tree, "New", "Ada", "ada@example.org")
        assert await push_branch(tree, url, credential=ADA) == "orchestrator/task"
        assert git(source, "rev-parse", "orchestrator/task") == commit
        with pytest.raises(Conflict):
            await push_branch(tree, url, credential=ADA, remote_branch="trunk")
        with pytest.raises(RepositoryFailed) as caught:
            await push_branch(tree, url, credential=Credential("ada", "wr0ng-t0ken"), remote_branch="other")
        assert "wr0ng" not in str(caught.value.as_dict())
        for branch in ("-x", "a..b", "x.lock", "a b"):
            with pytest.raises(InvalidInput):
                await push_branch(tree, url, remote_branch=branch)


async def test_a_clone_that_takes_too_long_leaves_nothing(mirrors: Mirrors, source: Path) -> None:
    with private_git(source.parent) as server:
        server.open.clear()
        with pytest.raises(TimedOut):
            await mirrors.create(uuid4(), f"{server.url}/source/.git", credential=ADA, timeout=1.0)
    assert _left(mirrors) == []


async def test_a_cancelled_clone_leaves_nothing(mirrors: Mirrors, source: Path) -> None:
    with private_git(source.parent) as server:
        server.open.clear()
        cloning = asyncio.create_task(mirrors.create(uuid4(), f"{server.url}/source/.git", credential=ADA))
        assert await asyncio.to_thread(server.entered.wait, 20)
        cloning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cloning
    assert _left(mirrors) == []


async def test_a_repository_that_sends_too_much_is_cut_off(tmp_path: Path, source: Path, git: Git) -> None:
    (source / "big").write_bytes(os.urandom(3_000_000))
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "big")
    small = Mirrors(tmp_path / "mirrors", max_bytes=1_000_000)
    with pytest.raises(TooLarge):
        await small.create_from_path(uuid4(), source)
    assert _left(small) == []


async def test_an_unreachable_or_hostile_url_fails_cleanly(mirrors: Mirrors) -> None:
    with pytest.raises(RepositoryFailed):
        await mirrors.create(uuid4(), "http://127.0.0.1:9/x.git")
    with pytest.raises(InvalidInput):
        await mirrors.create(uuid4(), "ext::sh -c id")
    assert not mirrors.root.exists() or _left(mirrors) == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9", "localhost:9", "[::1]:9", "169.254.169.254", "10.0.0.1", "[::ffff:10.0.0.1]"]
)
async def test_a_private_host_is_refused_where_the_service_is_told_to(tmp_path: Path, host: str) -> None:
    careful = Mirrors(tmp_path / "mirrors", allow_private_hosts=False)
    with pytest.raises(InvalidInput, match="private network"):
        await careful.create(uuid4(), f"http://{host}/x.git")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
async def test_a_link_local_address_is_refused_whatever_the_settings(mirrors: Mirrors, host: str) -> None:
    with pytest.raises(InvalidInput, match="link-local"):
        await mirrors.create(uuid4(), f"http://{host}/ada/demo.git")


async def test_a_deleted_project_leaves_no_lock_and_two_never_hold_a_removed_one(
    mirrors: Mirrors, source: Path
) -> None:
    project, holders = uuid4(), 0
    await mirrors.create_from_path(project, source)
    lock = mirrors.lock_path(project, "mirror")

    async def hold_and_remove() -> None:
        nonlocal holders
        async with held(lock) as hold:
            holders += 1
            hold.end_for_good()
            await asyncio.sleep(0.01)
            assert holders == 1
            holders -= 1

    await asyncio.gather(*(hold_and_remove() for _ in range(8)))
    await mirrors.delete(project)
    assert list((mirrors.root / ".locks").iterdir()) == []


async def test_git_is_pinned_to_the_addresses_that_were_judged(
    mirrors: Mirrors, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_git(source.parent) as server:
        port = server.server_address[1]
        pins = (("http.curloptResolve", f"public.example:{port}:127.0.0.1"), ("http.followRedirects", "false"))

        async def judged(url: object) -> tuple[tuple[str, str], ...]:
            return pins

        monkeypatch.setattr("orchestrator.git.mirror.pinned_settings", judged)
        monkeypatch.setenv("no_proxy", "public.example")
        careful = Mirrors(mirrors.root, allow_private_hosts=False)
        with pytest.raises(RepositoryFailed) as caught:
            await careful.create(uuid4(), f"http://public.example:{port}/source/.git")
        assert caught.value.hint is not None
        assert server.authorizations == [None]
    assert (await pinned_settings(parse_repository_url("https://8.8.8.8/x")))[0][1] == "8.8.8.8:443:8.8.8.8"


async def test_two_processes_that_create_one_project_end_with_one_mirror(mirrors: Mirrors, source: Path) -> None:
    project = uuid4()
    outcomes = await asyncio.gather(*(_create_elsewhere(mirrors.root, project, source) for _ in range(3)))
    assert sorted(outcomes) == ["Conflict", "Conflict", "made"]
    assert _left(mirrors) == [f"{project}.git"]


_CREATE = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from orchestrator.core.errors import Conflict
from orchestrator.git.mirror import Mirrors
try:
    asyncio.run(Mirrors(Path(sys.argv[1])).create_from_path(UUID(sys.argv[2]), Path(sys.argv[3])))
    print("made")
except Conflict:
    print("Conflict")
"""


async def _create_elsewhere(root: Path, project: UUID, source: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CREATE, str(root), str(project), str(source)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return output.decode().strip()


async def test_what_a_killed_process_left_is_swept_away(mirrors: Mirrors, source: Path) -> None:
    project = uuid4()
    (mirrors.root / f".{project}.dead.tmp").mkdir(parents=True)
    await mirrors.create_from_path(project, source)
    assert _left(mirrors) == [f"{project}.git"]
