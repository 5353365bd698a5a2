"""Two catalogues make the system visible: every route with its scope, every job with its limit."""

import ast
import json

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from orchestrator.api import routes
from orchestrator.core.events import EventKind
from orchestrator.core.task_types import TASK_TYPES
from orchestrator.jobqueue import queues
from orchestrator.jobs.catalog import EXECUTORS, LOOPS
from scripts.reference import doors
from tests.architecture.source import PACKAGE, name_of, package_files, tree

OPEN_TO_ALL = {
    "POST /auth/register": "makes the account",
    "POST /auth/login": "makes the log-in",
    "POST /auth/refresh": "carries its own token",
    "POST /auth/logout": "carries its own token, and must work without a session",
    "GET /auth/providers": "the log-in page asks it",
    "GET /auth/github/login": "starts a log-in",
    "GET /auth/github": "GitHub sends people back here",
    "POST /auth/github": "the same for clients that hold the code",
    "GET /auth/huggingface/login": "starts a log-in",
    "GET /auth/huggingface": "Hugging Face sends people back here",
    "POST /auth/huggingface": "the same for clients that hold the code",
    "GET /mcps/{server_id}/connect": "asks for the session itself, so that it can send browsers to our log-in first",
    "GET /mcps/callback/{tag}": "asks for the session itself; authorization servers send people back here",
}
"""Routes without a caller, each with the reason."""


def test_a_route_has_a_caller_with_a_scope_or_a_reason_to_have_none() -> None:
    assert {str(door) for door in doors() if door.open} == set(OPEN_TO_ALL)


def test_every_route_is_documented() -> None:
    silent = [str(d) for d in doors() if not d.route.summary or not (d.route.description or d.route.endpoint.__doc__)]
    assert silent == []


def test_writing_needs_more_than_a_scope_to_read() -> None:
    reading = {scope for door in doors() for scope in door.scopes if scope.endswith(":read")}
    changing = [door for door in doors() if door.method in ("PUT", "PATCH", "DELETE") and set(door.scopes) & reading]
    assert changing == []


def test_every_shape_of_the_api_has_a_name_of_its_own() -> None:
    """Of two models with one name both are called by their module, and every client's names change."""
    shapes = json.loads((PACKAGE.parent / "docs" / "reference" / "openapi.json").read_text())["components"]["schemas"]
    assert sorted(name for name in shapes if "__" in name) == []


def test_every_router_of_the_api_is_in_the_catalogue() -> None:
    """A router that nobody mounts is a door that nobody finds."""
    made = set()
    for path in (PACKAGE / "api").glob("*.py"):
        assigned = [node for node in tree(path).body if isinstance(node, ast.Assign)]
        names = {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}
        made |= {path.stem} if "router" in names else set()
    text = (PACKAGE / "api" / "routes.py").read_text()
    assert sorted(name for name in made if f"{name}.router" not in text) == []
    assert all(isinstance(router, APIRouter) for router in routes.ROUTERS)
    assert all(isinstance(route, APIRoute) for router in routes.ROUTERS for route in router.routes)


@pytest.mark.parametrize("name", sorted(EXECUTORS))
def test_an_executor_says_what_it_does(name: str) -> None:
    job = EXECUTORS[name]
    assert job.target == name
    assert callable(job.make)
    assert job.what


@pytest.mark.parametrize("name", sorted(LOOPS))
def test_a_loop_has_a_limit_and_says_what_it_does(name: str) -> None:
    loop = LOOPS[name]
    assert loop.name == name
    assert 0 < loop.limit <= 300
    assert callable(loop.run)
    assert loop.what


def test_every_task_goes_to_a_queue_some_worker_reads() -> None:
    known = {*queues.HEAVY_QUEUES, *queues.LIGHT_QUEUES, *queues.AGENT_QUEUES}
    for heavy in (True, False):
        for priority in (-100, 0, 100):
            for target in ("mcp:x", "agent:x", "agent:rename-symbol", "system:project-sync"):
                assert queues.queue_for(is_heavy=heavy, priority=priority, target_id=target) in known


def test_every_task_type_has_words_and_an_example() -> None:
    for kind in TASK_TYPES.values():
        assert kind.title
        assert kind.description.endswith(".")
        assert kind.example.startswith("{")


def test_every_kind_of_event_is_told_by_somebody() -> None:
    told = {
        node.attr
        for path in package_files()
        if name_of(path) != "orchestrator/core/events.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "EventKind"
    }
    assert {kind.name for kind in EventKind} - told == set()
