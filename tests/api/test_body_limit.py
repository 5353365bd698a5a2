"""An oversize body is answered with a problem document that the client gets to see, over a real socket."""

import httpx2
import pytest

from tests.api.conftest import Api


@pytest.mark.parametrize("declared", [True, False])
def test_an_oversize_body_is_told_so_instead_of_being_cut_off(api: Api, declared: bool) -> None:
    body = b"x" * (12 * 1024 * 1024)

    def chunks() -> object:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    content = body if declared else chunks()
    answer = httpx2.post(f"{api.url}/api/v1/tasks", headers=api.log_in(), content=content, timeout=30)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert answer.json()["field"] == "body"
