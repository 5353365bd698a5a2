"""Agents that are programs of their own: a real process that speaks the protocol, in a sandbox where one can be had."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from acp.schema import AuthEnvVar, AuthMethodAgent, EnvVarAuthMethod, InitializeResponse

from orchestrator.agents.acp.agent import AcpAgent
from orchestrator.agents.acp.login import method_for
from orchestrator.agents.acp.session import run as run_session
from orchestrator.agents.acp.wire import WireLimits
from orchestrator.agents.base import Action, AgentLimits, Choice, McpAccess
from orchestrator.agents.catalogue import Catalogue
from orchestrator.agents.llm_config import Endpoint
from orchestrator.core.errors import AgentFailed, InvalidInput, NotConfigured, TimedOut
from orchestrator.core.events import EventKind
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Wish
from tests.agents.support import Told, context, write
from tests.sandbox.conftest import gone, with_mark

Steps = list[dict[str, Any]]


def scripted(**changes: Any) -> AcpAgent:
    """The shipped program, with a terminal and whatever else a test wants."""
    agent = Catalogue(Endpoint(), Starter()).builtins["agent:scripted-acp"]
    assert isinstance(agent, AcpAgent)
    agent.launch = replace(agent.launch, terminals=True, **changes)
    return agent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return write(folder, {"a.py": "x = 1\n"})


class Somebody:
    """A person who always answers the same, and remembers what they were asked; ``said``: whenever somebody listens."""

    def __init__(self, answer: str | None, forbidden: str = "", said: Sequence[Sequence[str]] = ()) -> None:
        self.asked: list[Action] = []
        self._answer = answer
        self._forbidden = forbidden
        self._said = list(said)

    async def permit(self, action: Action, choices: Sequence[Choice], unruled: str = "ask") -> Choice | None:
        self.asked.append(action)
        return next((choice for choice in choices if choice.id == self._answer), None)

    async def forbids(self, action: Action) -> str | None:
        return "a rule says so" if self._forbidden and self._forbidden in (action.command, *action.paths) else None

    async def ask(self, question: str, choices: Sequence[Choice] = ()) -> str | None:
        return self._answer

    async def said(self) -> Sequence[str]:
        return self._said.pop(0) if self._said else []


async def test_an_agents_work_is_told_while_it_happens_and_its_answer_is_the_result(tree: Path) -> None:
    told = Told()
    steps: Steps = [
        {"do": "think", "text": "hm"},
        {"do": "plan", "steps": ["look", "write"]},
        {"do": "tool", "tool": "search", "text": "found it", "arguments": {"q": "x"}},
        {"do": "write", "path": "new/b.py", "text": "y = 2\n"},
        {"do": "replace", "path": "a.py", "find": "1", "text": "3"},
        {"do": "say", "text": "All "},
        {"do": "say", "text": "done."},
    ]
    result = await scripted().run(context(tree, tell=told, steps=steps))
    assert result.summary == "All done."
    assert (result.data["finish"], result.data["tool_calls"]) == ("end_turn", 3)
    assert result.data["agent"] == {"name": "scripted", "version": "1"}
    assert ((tree / "new/b.py").read_text(), (tree / "a.py").read_text()) == ("y = 2\n", "x = 3\n")
    assert "".join(one["text"] for one in told.of(EventKind.MESSAGE) if one["role"] == "assistant") == "All done."
    assert [one["tool"] for one in told.of(EventKind.TOOL_CALLED)] == ["search", "edit", "edit"]
    assert told.of(EventKind.TOOL_CALLED)[2]["paths"] == ["a.py"]
    (edit,) = told.of(EventKind.TOOL_RETURNED)[2]["edits"]
    assert edit == {"path": "a.py", "diff": "@@ -1 +1 @@\n-x = 1\n+x = 3"}
    assert told.of(EventKind.PROGRESS)[0]["plan"] == [
        {"step": "look", "status": "pending"},
        {"step": "write", "status": "pending"},
    ]


@pytest.mark.parametrize("path", ["../out.py", "/etc/passwd", "link/out.py", ".git/config", "a.py/x"])
async def test_no_way_leads_out_of_the_worktree(tree: Path, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tree / "link").symlink_to(outside)
    steps: Steps = [{"do": "write", "path": path, "text": "mine"}]
    result = await scripted().run(context(tree, steps=steps))
    assert result.summary.startswith("refused: "), result.summary
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "out.py").exists()


async def test_a_pipe_or_a_folder_is_not_read_as_a_file(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(AgentFailed, match="no plain file"):
        await scripted().run(context(tree, steps=[{"do": "read", "path": "pipe"}]))


async def test_a_command_runs_in_the_worktree_without_our_secrets(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "no")
    agent = scripted(secrets={"KEY_OF_THE_AGENT": "sk-1"})
    steps: Steps = [{"do": "run", "text": "pwd; env; cat a.py; echo oops >&2"}]
    said = (await agent.run(context(tree, steps=steps))).summary
    assert said.startswith("0: ")
    assert str(tree.resolve()) in said
    assert "x = 1" in said
    assert "oops" in said
    assert "SECRET_OF_OURS" not in said
    assert "KEY_OF_THE_AGENT" not in said


async def test_a_flood_of_a_command_is_kept_within_bounds(tree: Path) -> None:
    steps: Steps = [{"do": "run", "text": "yes | head -c 50000000"}]
    result = await scripted().run(context(tree, steps=steps))
    assert result.data["finish"] == "end_turn"
    assert len(result.data["answer"]) < 1_100_000


async def test_leave_is_asked_for_and_given(tree: Path) -> None:
    person = Somebody("allow")
    steps: Steps = [
        {"do": "permit", "tool": "execute", "text": "Run it", "path": "x/../a.py", "arguments": {"command": "rm x"}},
        {"do": "say", "text": "ran it"},
    ]
    result = await scripted().run(replace(context(tree, steps=steps), people=person))
    assert result.summary == "[allow]ran it"
    (action,) = person.asked
    assert (action.tool, action.title, action.paths, action.command) == ("execute", "Run it", ("a.py",), "rm x")


async def test_where_nobody_can_be_asked_nothing_is_allowed(tree: Path) -> None:
    steps: Steps = [{"do": "permit", "tool": "execute"}, {"do": "say", "text": "not reached"}]
    assert (await scripted().run(context(tree, steps=steps))).summary == "[reject]"
    assert (await scripted(unruled="allow").run(context(tree, steps=steps))).summary == "[allow]not reached"


async def test_what_a_rule_forbids_is_forbidden_also_when_the_agent_does_not_ask(tree: Path) -> None:
    for forbidden, step in (("b.py", {"do": "write", "path": "b.py", "text": ""}), ("id", {"do": "run", "text": "id"})):
        person = Somebody(None, forbidden=forbidden)
        result = await scripted().run(replace(context(tree, steps=[step]), people=person))
        assert result.summary == "refused: a rule says so"
    assert not (tree / "b.py").exists()


async def test_what_a_person_says_meanwhile_is_the_next_prompt(tree: Path) -> None:
    told = Told()
    person = Somebody(None, said=[[], ["and now?"]])
    given = context(tree, tell=told, steps=[{"do": "say", "text": "first"}])
    result = await scripted().run(replace(given, people=person))
    assert result.data["turns"] == 2
    assert "You said: and now?" in result.summary
    assert {"role": "user", "text": "and now?"} in told.of(EventKind.MESSAGE)


async def test_what_was_said_before_it_began_is_in_the_first_prompt(tree: Path) -> None:
    told = Told()
    given = context(tree, tell=told, steps=[{"do": "say", "text": "first"}])
    result = await scripted().run(replace(given, people=Somebody(None, said=[["and hurry"]])))
    assert result.data["turns"] == 1
    assert {"role": "user", "text": "and hurry"} in told.of(EventKind.MESSAGE)


async def test_an_earlier_session_is_taken_up_and_its_replay_is_not_told_again(tree: Path) -> None:
    told = Told()
    given = replace(context(tree, tell=told, steps=[{"do": "say", "text": "on"}]), earlier_session="scripted-7")
    result = await scripted().run(given)
    assert (result.summary, result.data["session"]) == ("on", "scripted-7")
    assert [one["resumed"] for one in told.of(EventKind.LOG) if "session" in one] == [True]


async def test_our_mcp_endpoint_is_lent_to_a_program_whose_network_reaches_it(tree: Path) -> None:
    lent: list[str] = []

    @asynccontextmanager
    async def lend() -> AsyncIterator[McpAccess]:
        lent.append("begun")
        yield McpAccess("orchestrator", "http://127.0.0.1:1/mcp", "secret")
        lent.append("over")

    given = replace(context(tree, steps=[{"do": "say", "text": "<{mcp}>"}]), lend_mcp=lend)
    assert (await scripted(wish=Wish(mode="off", network="full")).run(given)).summary == "<http://127.0.0.1:1/mcp>"
    assert lent == ["begun", "over"]
    assert (await scripted(wish=Wish(mode="off", network="full"), tools=False).run(given)).summary == "<>"


async def test_a_program_that_wants_a_log_in_gets_it_with_the_key_it_was_given(tree: Path) -> None:
    steps: Steps = [{"do": "say", "text": "in"}]
    agent = scripted(secrets={"SCRIPTED_KEY": "k"})
    assert (await agent.run(context(tree, steps=steps))).summary == "in"
    method = EnvVarAuthMethod(type="env_var", id="key", name="K", vars=[AuthEnvVar(name="A"), AuthEnvVar(name="B")])
    by_browser = AuthMethodAgent(id="browser", name="Log in")
    by_key = AuthMethodAgent(id="api", name="Key", field_meta={"api-key": {}})
    hello = InitializeResponse(protocol_version=1, auth_methods=[by_browser, method, by_key])
    assert [method_for(hello, given) for given in ((), ("A", "B"), ("A",))] == [None, "key", "api"]


@pytest.mark.parametrize(("mode", "works_in"), [("ask", "ask"), ("act", "act"), ("dream", "act"), ("", "act")])
async def test_the_mode_of_an_entry_is_chosen_where_a_session_has_it(tree: Path, mode: str, works_in: str) -> None:
    told = Told()
    result = await scripted(mode=mode).run(context(tree, tell=told, steps=[{"do": "say", "text": "{mode}"}]))
    assert result.summary == works_in
    assert any("no mode 'dream'" in one["message"] for one in told.of(EventKind.LOG)) == (mode == "dream")


@pytest.mark.parametrize(
    ("title", "arguments", "tool", "paths", "command"),
    [
        ("write · b/c.py", {"path": "b/c.py"}, "edit", ("b/c.py",), ""),
        ("write · up", {"path": "../up.py"}, "edit", ("{above}/up.py",), ""),
        ("shell · make", {"command": "make"}, "execute", (), "make"),
        ("weather · Rome", {"path": "b.py"}, "other", (), ""),
    ],
)
async def test_a_call_that_says_no_kind_is_known_by_its_tool_where_the_entry_knows_it(
    tree: Path, title: str, arguments: dict[str, str], tool: str, paths: tuple[str, ...], command: str
) -> None:
    people = Somebody("allow")
    agent = scripted(kinds={"write": "edit", "shell": "execute"})
    steps: Steps = [{"do": "permit", "text": title, "arguments": arguments}]
    await agent.run(replace(context(tree, steps=steps), people=people))
    (action,) = people.asked
    expected = tuple(path.format(above=tree.resolve().parent) for path in paths)
    assert (action.tool, action.paths, action.command) == (tool, expected, command)


async def test_a_program_has_a_terminal_of_its_own_in_its_sandbox(tree: Path) -> None:
    line = "python3 -c \"import os, pty; r, w = pty.openpty(); print(os.ttyname(w)); print(os.listdir('/dev/pts'))\""
    result = await scripted().run(context(tree, steps=[{"do": "run", "text": line}]))
    assert result.summary.startswith("0: /dev/pts/"), result.summary
    if (await Starter().verdict()).possible:
        assert "/dev/pts/0\n['0', 'ptmx']" in result.summary.replace("'ptmx', '0'", "'0', 'ptmx'")


MISBEHAVING: list[tuple[Steps, str]] = [
    ([{"do": "crash", "count": 3, "text": "out of luck"}], "exited with status 3: out of luck"),
    ([{"do": "garbage", "text": '{"jsonrpc": broken'}, {"do": "wait", "seconds": 60}], "wrote broken JSON"),
    ([{"do": "garbage", "text": "[1, 2]"}, {"do": "wait", "seconds": 60}], "no message of the protocol"),
    ([{"do": "garbage", "text": '{"id": [1]}'}, {"do": "wait", "seconds": 60}], "no message of the protocol"),
    ([{"do": "garbage", "text": "chatter", "count": 300}, {"do": "wait", "seconds": 60}], "lines that are no messages"),
    ([{"do": "endless", "count": 3_000_000}, {"do": "wait", "seconds": 60}], "wrote a line of more than"),
    ([{"do": "flood", "count": 3000}, {"do": "wait", "seconds": 60}], "flooded us"),
    ([{"do": "fail", "text": "no can do"}], "reports an error: no can do"),
]


@pytest.mark.parametrize(("steps", "why"), MISBEHAVING)
async def test_a_misbehaving_agent_fails_clearly_and_leaves_nothing(tree: Path, steps: Steps, why: str) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    script: Steps = [{"do": "spawn", "seconds": 300, "text": mark}, *steps]
    agent = scripted()
    prompt = agent._prompt({"steps": script})
    limits = WireLimits(line=1_000_000, messages=2000)
    with pytest.raises(AgentFailed, match="Scripted program ") as failed:
        await run_session(agent.launch, prompt, context(tree), Starter(), limits)
    assert why in failed.value.message
    await gone(mark)


async def test_a_little_chatter_is_borne_with(tree: Path) -> None:
    steps: Steps = [{"do": "garbage", "text": "loading…", "count": 5}, {"do": "say", "text": "ok"}]
    assert (await scripted().run(context(tree, steps=steps))).summary == "ok"


@pytest.mark.parametrize("step", [{"do": "wait", "seconds": 300}, {"do": "hang"}])
async def test_a_cancelled_agent_is_gone_with_all_it_started(tree: Path, step: dict[str, Any]) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    told = Told()
    steps: Steps = [{"do": "spawn", "seconds": 300, "text": mark}, {"do": "say", "text": "ready"}, step]
    running = asyncio.create_task(scripted().run(context(tree, tell=told, steps=steps)))
    async with asyncio.timeout(60):
        while not told.of(EventKind.MESSAGE):  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)
    assert with_mark(mark)
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 10
    await gone(mark)


async def test_limits_on_time_and_tool_calls_hold(tree: Path) -> None:
    with pytest.raises(TimedOut):
        await scripted().run(context(tree, limits=AgentLimits(seconds=3), steps=[{"do": "wait", "seconds": 60}]))
    many: Steps = [{"do": "tool", "count": 50}, {"do": "wait", "seconds": 60}]
    with pytest.raises(AgentFailed, match="more than 20 tool calls"):
        await scripted().run(context(tree, limits=AgentLimits(seconds=60, tool_calls=20), steps=many))


async def test_a_program_that_is_not_installed_makes_its_agent_unavailable_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    catalogue = Catalogue(Endpoint(), Starter(), {"GEMINI_API_KEY": "g", "OTHER": "x"})
    await catalogue.look()
    gemini = catalogue.builtins["agent:gemini-cli"]
    assert "npm install -g @google/gemini-cli" in gemini.info.unavailable
    assert isinstance(gemini, AcpAgent)
    assert dict(gemini.launch.secrets) == {"GEMINI_API_KEY": "g"}
    with pytest.raises(NotConfigured, match="not installed"):
        await gemini.run(context(tmp_path, prompt="Hi"))
    assert catalogue.builtins["agent:scripted-acp"].info.unavailable == ""


async def test_a_program_that_speaks_no_protocol_is_told_by_its_last_words(tree: Path) -> None:
    command = (sys.executable, "-c", "import sys; print('bad option', file=sys.stderr); sys.exit(2)")
    agent = scripted(commands=(command,), wish=Wish())
    with pytest.raises(AgentFailed, match="exited with status 2: bad option"):
        await agent.run(context(tree, steps=[]))


def test_a_wrong_script_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidInput) as refused:
        scripted().check({"steps": [{"do": "dance"}]})
    assert refused.value.field == "input.steps.0.do"
