"""The first documents' paths, without a version, are the same doors."""

import httpx2
import pytest

from tests.api.conftest import Api


@pytest.mark.parametrize(
    "path", ["tasks", "tasks/types", "projects/list", "mcps/list", "mcps/health", "agents/list", "user/profile"]
)
def test_a_path_without_a_version_is_answered_by_the_same_door(api: Api, path: str) -> None:
    headers = api.log_in()
    plain = httpx2.get(f"{api.url}/api/{path}", headers=headers, timeout=30)
    versioned = httpx2.get(f"{api.url}/api/v1/{path}", headers=headers, timeout=30)
    assert plain.status_code == versioned.status_code == 200
    assert plain.json().keys() == versioned.json().keys()


def test_an_unknown_path_stays_unknown_either_way(api: Api) -> None:
    for path in ("/api/whales", "/api/v1/whales", "/api/", "/api"):
        assert httpx2.get(f"{api.url}{path}", timeout=30).status_code == 404
