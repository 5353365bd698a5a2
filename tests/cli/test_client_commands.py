"""The client commands against a running service, as a person or a script calls them."""

import json
import stat
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import AT_ONE_SERVICE, Cli, make_shop

pytestmark = AT_ONE_SERVICE


def test_a_login_is_kept_for_its_owner_alone_and_ended_by_logout(logged_in: Cli, tmp_path: Path) -> None:
    kept = tmp_path / "config/orchestrator/login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "a long password" not in kept.read_text()
    assert logged_in("project", "list")[:2] == (0, "No projects yet. `project create NAME --url …` makes one.\n")
    assert logged_in("logout")[0] == 0
    code, _, errors = logged_in("project", "list")
    assert code == 1
    assert "orchestrator login" in errors


def test_an_expired_login_renews_itself(logged_in: Cli, tmp_path: Path) -> None:
    kept = tmp_path / "config/orchestrator/login.json"
    known = json.loads(kept.read_text())
    (login,) = known["logins"].values()
    first = login["refresh_token"]
    login["access_token"] = login["access_token"][:-6] + "AAAAAA"
    kept.write_text(json.dumps(known))
    assert logged_in("mcp", "list")[0] == 0
    (login,) = json.loads(kept.read_text())["logins"].values()
    assert login["refresh_token"] != first


def test_a_token_from_the_environment_needs_no_login(
    logged_in: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, token, _ = logged_in("token", "create", "ci", "--scope", "mcps:read")
    assert code == 0
    listed = json.loads(logged_in("token", "list", "--json")[1])["items"]
    assert token.strip() not in json.dumps(listed)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", token.strip())
    assert logged_in("mcp", "health")[0] == 0
    code, _, errors = logged_in("task", "list")
    assert code == 1
    assert "tasks:read" in errors
    monkeypatch.delenv("ORCHESTRATOR_TOKEN")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert logged_in("token", "revoke", listed[0]["id"])[0] == 0
    assert json.loads(logged_in("token", "list", "--json")[1])["total"] == 0


def test_servers_are_exported_and_a_missing_value_of_an_import_is_named(logged_in: Cli, tmp_path: Path) -> None:
    code, out, _ = logged_in("mcp", "export", "--format", "vscode")
    assert (code, json.loads(out)) == (0, {"servers": {}})
    file = tmp_path / "mcp.json"
    far = {"url": "http://127.0.0.1:9/mcp", "headers": {"X": "${KEY}"}, "tools": ["look"]}
    file.write_text(json.dumps({"mcpServers": {"far": far}}))
    code, _, errors = logged_in("mcp", "import", str(file))
    assert (code, "KEY" in errors) == (1, True)
    code, _, errors = logged_in("mcp", "import", str(file), "--var", "KEY=geheim")
    assert (code, "far.tools: NOT RESTRICTED" in errors) == (0, True), errors
    assert "geheim" not in logged_in("mcp", "export")[1]
    code, out, _ = logged_in("mcp", "definitions", "far")
    assert (code, "As last seen" in out) == (0, True)


def test_a_project_from_its_making_to_its_end(logged_in: Cli, repository: Path) -> None:
    code, out, errors = logged_in("project", "create", "shop", "--path", str(repository), "--wait", "--json")
    assert code == 0, errors
    assert json.loads(out)["kg_triples"] > 0
    query = (
        'PREFIX c: <https://w3id.org/orchestrator/code#> SELECT ?n { ?f c:qualifiedName ?n FILTER(?n = "shop.price") }'
    )
    code, out, _ = logged_in("kg", "query", "shop", query)
    assert (code, "shop.price" in out, "1 row" in out) == (0, True, True)
    assert "shop.price" in logged_in("kg", "query", "shop", query, "--accept", "text/csv")[1]
    code, out, _ = logged_in("kg", "ask", "shop", "find_symbol", "price", "limit=5")
    assert (code, "shop.price" in out) == (0, True)
    assert json.loads(logged_in("kg", "ask", "shop", "outline", "shop.py", "--json")[1])["symbols"]
    code, out, _ = logged_in("kg", "ask", "shop")
    assert (code, "outline" in out) == (0, True)
    command = (sys.executable, str(repository / "shop.py"))
    code, out, errors = logged_in("kg", "trace", "shop", "--root", str(repository), "--json", "--", *command)
    assert (code, json.loads(out)["calls"]) == (0, 1), errors
    code, _, errors = logged_in("kg", "trace", "shop", "--root", str(repository), "--", sys.executable, "-c", "1")
    assert (code, "nothing of the checkout was seen to run" in errors) == (1, True)
    code, out, _ = logged_in("agent", "run", "lint-fix", "-p", "shop", "--wait")
    assert (code, "-import os" in out, "diff.ready" in out) == (0, True, True)
    code, out, _ = logged_in("task", "create", "file_search", "-p", "shop", "-i", '{"pattern": "*.py"}', "--wait")
    assert (code, "shop.py" in out, "task.completed" in out) == (0, True, True)
    assert logged_in("project", "delete", "shop", "--yes")[0] == 0
    code, _, errors = logged_in("project", "show", "shop")
    assert (code, "no project named 'shop'" in errors) == (1, True)


def test_a_change_is_proven_reviewed_merged_into_the_users_repository_and_undone(
    logged_in: Cli, repository: Path
) -> None:
    own = make_shop(repository.parent / "merged")
    assert logged_in("project", "create", "merged", "--path", str(own), "--wait")[0] == 0
    compiles = f"{sys.executable} -m compileall -q shop.py"
    made = ("task", "create", "lint_fix", "-p", "merged", "--accept", compiles, "--wait")
    code, out, errors = logged_in(*made, "--json")
    assert code == 0, out + errors
    page = json.loads(logged_in("task", "list", "--json")[1])
    task = next(one["task_id"] for one in page["items"] if one["type"] == "lint_fix")
    code, out, _ = logged_in("task", "proof", task)
    assert (code, out.count("passed")) == (0, 2)
    assert "-import os" in logged_in("task", "diff", task)[1]
    assert "passed" in logged_in("task", "attempts", task)[1]
    code, _, errors = logged_in("task", "merge", task)
    assert (code, "nobody has approved" in errors) == (1, True)
    assert logged_in("task", "review", task, "approve", "-m", "good", "--comment", "shop.py:1:tidy")[0] == 0
    code, out, errors = logged_in("task", "merge", task)
    assert (code, "merged into" in out) == (0, True), out + errors
    assert "import os" not in (own / "shop.py").read_text()
    code, _, errors = logged_in("task", "undo", task, "--override", "it leaks keys")
    assert (code, "no undo of this merge has failed" in errors) == (1, True)
    assert logged_in("task", "undo", task)[0] == 0
    assert "import os" in (own / "shop.py").read_text()


def test_an_admin_undoes_a_merge_for_a_reason_where_its_undo_was_found_to_break_something(
    logged_in: Cli, repository: Path
) -> None:
    own = make_shop(repository.parent / "undone")
    assert logged_in("project", "create", "undone", "--path", str(own), "--wait")[0] == 0
    first = _merged(logged_in, "rates.py", "RATE = 2")
    _merged(logged_in, "tax.py", "TAX = 1", "--accept", "test -f rates.py")
    code, out, _ = logged_in("task", "undo", first)
    assert (code, "unproven" in out, "test -f rates.py" in out) == (3, True, True)
    assert (own / "rates.py").exists()
    code, out, errors = logged_in("task", "undo", first, "--override", "it leaks keys")
    assert (code, "as an admin of the project wanted: it leaks keys" in _flat(out)) == (0, True), out + errors
    assert not (own / "rates.py").exists()


def _merged(cli: Cli, name: str, text: str, *more: str) -> str:
    """A task whose change is on the default branch."""
    steps = json.dumps({"steps": [{"do": "write", "path": name, "text": text}]})
    given = ("-p", "undone", "-i", steps, "--target", "agent:scripted-editor", "--title", name)
    code, out, errors = cli("task", "create", "scripted", *given, *more, "--wait")
    assert code == 0, out + errors
    page = json.loads(cli("task", "list", "--json")[1])
    task = next(str(one["task_id"]) for one in page["items"] if one["title"] == name)
    for command in (("review", task, "approve"), ("merge", task)):
        code, out, errors = cli("task", *command)
        assert code == 0, out + errors
    return task


def _flat(out: str) -> str:
    """A table's text without its line breaks."""
    return " ".join(out.split())


def test_an_agent_is_steered_and_answered(logged_in: Cli) -> None:
    leave = {"do": "permit", "tool": "execute", "text": "Run the tests", "arguments": {"command": "make test"}}
    steps = json.dumps({"steps": [leave], "turns": [[{"do": "say", "text": "heard"}]]})
    given = ("-i", steps, "--target", "agent:scripted", "--json")
    task = str(json.loads(logged_in("task", "create", "scripted", *given)[1])["task_id"])
    asked = _until(logged_in, "Run the tests", "task", "answer", task)
    assert "command: make test" in asked
    assert "then: reject" in asked
    code, _, errors = logged_in("task", "answer", task, "perhaps")
    assert (code, "choice" in errors) == (1, True)
    code, _, errors = logged_in("task", "answer", task, "allow", "-m", "yes")
    assert (code, "not both" in errors) == (1, True)
    assert logged_in("task", "steer", task, "Mind the step.")[0] == 0
    assert logged_in("task", "answer", task, "allow")[0] == 0
    _until(logged_in, "completed", "task", "show", task)
    assert "Mind the step." in logged_in("task", "watch", task, "--json")[1]
    assert logged_in("task", "answer", task)[1] == "It asks nothing.\n"
    code, _, errors = logged_in("task", "steer", task, "Too late.")
    assert (code, "only a running agent is told something" in errors) == (1, True)
    code, out, errors = logged_in("usage", "show", "--by", "agent")
    assert (code, "agent:scripted" in out) == (0, True), errors


def _until(cli: Cli, words: str, *command: str) -> str:
    """What a command says once it says the words."""
    end = time.monotonic() + 60
    while words not in (out := cli(*command)[1]):
        assert time.monotonic() < end, out
        time.sleep(0.1)
    return out


def test_a_task_nobody_can_do_ends_with_code_three_and_says_what_would_help(logged_in: Cli) -> None:
    code, out, _ = logged_in("task", "route", "render", "--needs", "video")
    assert code == 3
    assert "register an MCP server or agent that offers video" in out
    code, out, _ = logged_in("task", "create", "render", "--needs", "video", "--wait")
    assert (code, "no_target" in out) == (3, True)
    (failed,) = json.loads(logged_in("task", "list", "--state", "failed", "--json")[1])["items"]
    code, out, _ = logged_in("task", "watch", failed["task_id"], "--json")
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2, 3]
    assert "render" in logged_in("task", "show", failed["task_id"])[1]


def test_a_tool_called_by_name_answers(logged_in: Cli) -> None:
    code, out, _ = logged_in("mcp", "call", "diagnostics", "echo", '{"text": "hello"}')
    assert (code, "hello" in out) == (0, True)
    code, out, _ = logged_in("mcp", "call", "diagnostics", "fail", "{}")
    assert (code, "the tool reports an error" in out) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("task", "create", "x", "-i", "rubbish"), "--input is no JSON"),
        (("task", "create", "x", "-i", "@/nowhere/at/all"), "/nowhere/at/all cannot be read"),
        (("task", "show", "00000000-0000-0000-0000-000000000000"), "no such task"),
        (("project", "create", "x"), "Name one source"),
        (("mcp", "add", "x"), "Name either a program or --url"),
        (("mcp", "probe", "nobody"), "no MCP server named 'nobody'"),
        (("kg", "query", "nothing", "ASK {}"), "no project named 'nothing'"),
        (("kg", "ask", "nothing", "weather"), "there is no question 'weather'"),
        (("kg", "ask", "nothing", "outline", "a.py", "300", "more"), "outline takes path, tokens"),
    ],
)
def test_mistakes_are_told_plainly(logged_in: Cli, arguments: tuple[str, ...], said: str) -> None:
    code, out, errors = logged_in(*arguments)
    assert (code, out) == (1, "")
    assert errors.startswith("error: ")
    assert said in errors


def test_a_service_that_is_not_there_is_told_with_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", "any")
    code, _, errors = cli("task", "list")
    assert code == 1
    assert "No orchestrator answers at http://127.0.0.1:9" in errors
    assert "make run" in errors
