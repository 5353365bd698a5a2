"""The guard that keeps the rules: lets a call pass, refuses it, or has a person asked first.

Hangs in the gate. A person is asked over MCP where the client can be asked; elsewhere the caller gets ``ConsentNeeded``
with what to do: say it again with the digest shown (REST), consent to the task, or have it always allowed.
"""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from orchestrator.core.call_record import digest_of
from orchestrator.core.caller import Caller
from orchestrator.core.errors import ConsentDenied, ConsentNeeded, DeniedByPolicy
from orchestrator.core.jsonsafe import storable
from orchestrator.core.policy import Decision, Effect, Rule
from orchestrator.mcp.asking import ask, can_be_asked
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.mcp.schema import check_arguments
from orchestrator.services.call_gate import Door, ToolCall
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.tool_policy import ToolPolicy
from orchestrator.services.tool_rules import ToolRules

_ASK_SECONDS = 600.0
_CONTINUE_SECONDS = 600.0
_MOST_CONTINUED = 10_000
_SHOWN_CHARS = 2000
_ONCE, _ALWAYS, _NO = "once", "always", "no"


class ToolConsent:
    """Asks the rules, and where they say so a person."""

    def __init__(self, policy: ToolPolicy, rules: ToolRules) -> None:
        self._policy = policy
        self._rules = rules
        self._continued: dict[tuple[UUID, str, str], float] = {}

    async def admit(self, call: ToolCall) -> None:
        """Let the call pass, or raise DeniedByPolicy, ConsentDenied or ConsentNeeded."""
        decision = await self._policy.decide(call.caller, call.entry, call.tool, call.project_id)
        if decision.rule is None:
            return
        call.rule_id = decision.rule.id
        if decision.effect == Effect.DENY:
            raise denied(call, decision.rule)
        if decision.effect == Effect.ASK:
            await self._consent(call, decision.rule)

    async def shown(
        self, caller: Caller, project_id: UUID | None, entry: ServerEntry, tools: Sequence[ToolInfo]
    ) -> Sequence[ToolInfo]:
        """What is denied is not shown."""
        return await self._policy.shown(caller, project_id, entry, tools)

    async def would_ask(self, caller: Caller, entry: ServerEntry, tool: str, project_id: UUID | None) -> bool:
        """Whether a person would have to be asked."""
        decision: Decision = await self._policy.decide(caller, entry, tool, project_id)
        rule = decision.rule
        if rule is None or decision.effect != Effect.ASK:
            return False
        return not await self._policy.is_approved(caller, rule, entry.id, tool, project_id)

    async def _consent(self, call: ToolCall, rule: Rule) -> None:
        if await self._policy.is_approved(call.caller, rule, call.entry.id, call.tool, call.project_id):
            call.confirmed = _ALWAYS
            return
        # Nobody is bothered with a call that could not be made.
        info = next((tool for tool in call.entry.tools if tool.name == call.tool), None)
        if info is not None:
            await check_arguments(info, dict(call.arguments))
        digest = call_digest(call)
        if call.confirm is not None:
            self._check_confirmation(call, rule, digest)
            call.confirmed = _ONCE
        elif self._goes_on(call, digest):
            call.confirmed = _ONCE
        elif call.dry or call.behind is None or not can_be_asked(call.behind.conversation):
            raise needed(call, rule, digest)
        else:
            call.confirmed = await self._ask(call, rule)
            call.on_input = lambda result: self._keep(call, digest, result)
        if call.confirmed == _ALWAYS or (call.always and call.confirm is not None):
            await self._remember(call, rule)

    def _check_confirmation(self, call: ToolCall, rule: Rule, digest: str) -> None:
        if call.confirm != digest:
            raise needed(call, rule, digest, "what was confirmed is not this call")

    async def _ask(self, call: ToolCall, rule: Rule) -> str:
        assert call.behind is not None
        answers = {_ONCE: "Yes, this once", _ALWAYS: "Yes, always for this tool", _NO: "No"}
        if not rule.remember:
            del answers[_ALWAYS]
        answer = await ask(
            call.behind.conversation, question(call, rule), answers, title="May it be called?", seconds=_ASK_SECONDS
        )
        if answer is None or answer == _NO:
            raise ConsentDenied(
                f"the person who was asked did not agree to calling {call.tool} of {call.entry.name}",
                field="tool", details={"rule_id": str(rule.id)},
            )  # fmt: skip
        return answer

    async def _remember(self, call: ToolCall, rule: Rule) -> None:
        if rule.remember:
            await self._rules.approve(call.caller, rule, call.entry.id, call.tool, call.project_id)
            call.confirmed = _ALWAYS

    # A server of the modern era may ask in the middle of a call and have it made again: that is the same call.

    def _goes_on(self, call: ToolCall, digest: str) -> bool:
        told = call.more or {}
        if "requestState" not in told and "inputResponses" not in told:
            return False
        until = self._continued.pop((call.caller.user_id, digest, _mark(told.get("requestState"))), 0.0)
        if until > time.monotonic():
            call.on_input = lambda result: self._keep(call, digest, result)
            return True
        return False

    def _keep(self, call: ToolCall, digest: str, result: ToolResult) -> None:
        if len(self._continued) >= _MOST_CONTINUED:
            self._continued.clear()
        key = (call.caller.user_id, digest, _mark(result.extra.get("requestState")))
        self._continued[key] = time.monotonic() + _CONTINUE_SECONDS


def _mark(state: Any) -> str:
    return sha256(str(state).encode("utf-8", "replace")).hexdigest()


def call_digest(call: ToolCall) -> str:
    """What a confirmation names: this tool of this server, with these arguments, in this project."""
    named = [str(call.entry.id), call.tool, str(call.project_id or "")]
    return digest_of([*named, digest_of(dict(call.arguments))])


def question(call: ToolCall, rule: Rule) -> str:
    """What a person is asked: which tool, with what, and why they are asked."""
    text = orjson.dumps(storable(dict(call.arguments)), option=orjson.OPT_INDENT_2).decode()
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]} … ({len(text)} characters in all)"
    why = f"\n\nWhy you are asked: {rule.reason}" if rule.reason else ""
    return f"May the tool {call.tool} of the MCP server {call.entry.name} be called with these arguments?\n{shown}{why}"


def denied(call: ToolCall, rule: Rule) -> DeniedByPolicy:
    """The error of a call that a rule forbids."""
    why = f": {rule.reason}" if rule.reason else ""
    return DeniedByPolicy(
        f"a rule of the {rule.level} level denies the tool {call.tool[:200]} of {call.entry.name}{why}",
        field="tool", hint="POST /api/v1/mcps/policies/explain says which rule decides and why",
        details={"rule_id": str(rule.id), "level": rule.level},
    )  # fmt: skip


_WHAT_TO_DO = {
    Door.REST: "show the question to a person and send the request again with `confirm` set to the digest",
    Door.MCP: "use a client that can ask a person (elicitation), or have it always allowed: "
    "POST /api/v1/mcps/policies/approvals",
    Door.TASK: "POST /api/v1/tasks/{id}/consent",
    Door.AGENT: "nobody can be asked while an agent runs: have it always allowed with "
    "POST /api/v1/mcps/policies/approvals, then run the task again",
}


def needed(call: ToolCall, rule: Rule, digest: str, why: str = "a person must agree first") -> ConsentNeeded:
    """The error of a call that waits for a person's word."""
    return ConsentNeeded(
        f"{why}: {call.tool[:200]} of {call.entry.name}",
        field="confirm" if call.door == Door.REST else "tool",
        hint=_WHAT_TO_DO[call.door],
        details={
            "rule_id": str(rule.id), "digest": digest, "question": question(call, rule), "may_always": rule.remember,
            "server_id": str(call.entry.id), "tool": call.tool[:200],
            "project_id": str(call.project_id) if call.project_id else None,
        },
    )  # fmt: skip
