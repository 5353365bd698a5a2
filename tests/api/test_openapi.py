"""Our own OpenAPI document: as committed, complete, and true under random requests made from it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from orchestrator.cli.upkeep.openapi import write
from tests.api.conftest import Api

pytestmark = pytest.mark.xdist_group("openapi")

GOLDEN = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "0"))
"""Random requests per operation; by default a few, the same ones every time."""

HONEST = {"server_unreachable", "server_misbehaved", "tool_failed", "not_configured", "provider_failed", "timed_out"}
"""Codes of a 502, 503 or 504 that tell of a server behind us or of a missing setting: true answers, not failures."""

DOCUMENT: dict[str, Any] = json.loads(GOLDEN.read_text())
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]

few = settings(
    max_examples=EXAMPLES or 4,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema() -> Any:
    return schemathesis.openapi.from_dict(DOCUMENT)


def test_the_committed_document_is_the_codes_own(tmp_path: Path) -> None:
    write(tmp_path / "openapi.json")
    assert (tmp_path / "openapi.json").read_text() == GOLDEN.read_text(), "run `make openapi` and look at the diff"


def _headers(api: Api, path: str) -> dict[str, str]:
    """A log-in costs a password hash, so all share one; what may end it gets its own."""
    return api.log_in() if "/user/" in path else api.headers


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_makes_an_operation_stumble(method: str, path: str, api: Api, schema: Any) -> None:
    operation = schema[path][method]
    headers = _headers(api, path) if DOCUMENT["paths"][path][method].get("security") else {}
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @few
    @given(good | bad, st.booleans())
    def send(case: Case, aimed: bool) -> None:
        if aimed:
            case.path_parameters |= {k: v for k, v in api.known.items() if k in case.path_parameters}
        answer = case.call(base_url=api.url, headers=headers, timeout=60)
        if answer.status_code >= 500:
            assert answer.status_code in (502, 503, 504), answer.text
            assert answer.json()["code"] in HONEST, answer.text

    send()
