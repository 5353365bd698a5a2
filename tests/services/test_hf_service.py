"""HFService against Hugging Face on loopback, through the real huggingface_hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OrchestratorError,
    ProviderFailed,
    RateLimited,
    TimedOut,
    TooLarge,
)
from orchestrator.services.hf_service import HFAccount, HFService
from tests.fakes.huggingface import FakeHuggingFace


@pytest.fixture
def hub() -> Iterator[FakeHuggingFace]:
    with FakeHuggingFace() as fake:
        yield fake


@pytest.fixture
def service(hub: FakeHuggingFace) -> Iterator[HFService]:
    service = HFService(hub.url, timeout=15)
    yield service
    service.close()


@pytest.fixture
def ada(hub: FakeHuggingFace, service: HFService) -> HFAccount:
    return service.for_token(hub.add_user("ada", email="ada@example.org", organizations=["acme"]))


async def test_a_token_names_its_user(ada: HFAccount) -> None:
    user = await ada.whoami()
    assert (user.name, user.email, user.organizations) == ("ada", "ada@example.org", ("acme",))


async def test_spaces_come_with_their_state_and_address(hub: FakeHuggingFace, ada: HFAccount) -> None:
    hub.add_repo("ada/runner", "space", sdk="docker").stage = "SLEEPING"
    hub.add_repo("ada/data", "dataset")
    (space,) = await ada.list_spaces("ada")
    assert (space.id, space.sdk, space.stage, space.hardware) == ("ada/runner", "docker", "SLEEPING", "cpu-basic")
    assert space.host == "https://ada-runner.hf.space"
    assert await ada.space_info("ada/runner") == space


async def test_what_is_uploaded_can_be_downloaded(hub: FakeHuggingFace, ada: HFAccount, tmp_path: Path) -> None:
    repo = await ada.create_repo("ada/results", "dataset")
    assert repo.url == f"{hub.url}/datasets/ada/results"
    first = await ada.upload_file("ada/results", "dataset", "runs/1.json", b'{"a": 1}')
    assert first.sha == hub.repos["dataset", "ada/results"].sha
    assert await ada.download_file("ada/results", "dataset", "runs/1.json") == b'{"a": 1}'
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.bin").write_bytes(b"\0\xff")
    (tmp_path / "README.md").write_text("# Results\n")
    await ada.upload_folder("ada/results", "dataset", tmp_path)
    assert await ada.download_file("ada/results", "dataset", "sub/x.bin") == b"\0\xff"


async def test_a_file_over_the_limit_is_not_fetched(hub: FakeHuggingFace, ada: HFAccount) -> None:
    hub.add_repo("ada/big", "dataset").files["x"] = b"x" * 1000
    with pytest.raises(TooLarge):
        await ada.download_file("ada/big", "dataset", "x", max_bytes=999)
    assert [request.method for request in hub.requests] == ["HEAD"]


async def test_what_exists_already_is_a_conflict_unless_allowed(ada: HFAccount) -> None:
    await ada.create_repo("ada/one", "space", space_sdk="docker")
    with pytest.raises(Conflict):
        await ada.create_repo("ada/one", "space", space_sdk="docker")
    assert (await ada.create_repo("ada/one", "space", space_sdk="docker", exist_ok=True)).id == "ada/one"
    with pytest.raises(InvalidInput):
        await ada.create_repo("ada/two", "space")


async def test_what_is_missing_or_hidden_is_not_found(hub: FakeHuggingFace, ada: HFAccount) -> None:
    hub.add_user("eve")
    hub.add_repo("eve/secret", "dataset", private=True)
    hub.add_repo("eve/open", "dataset")
    for call in (
        ada.space_info("ada/none"),
        ada.download_file("eve/secret", "dataset", "x"),
        ada.download_file("eve/open", "dataset", "none"),
        ada.download_file("eve/open", "dataset", "none", revision="gone"),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(Forbidden):
        await ada.upload_file("eve/open", "dataset", "x", b"1")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, NotAuthenticated),
        (403, {"X-Error-Message": "No"}, Forbidden),
        (429, {"Retry-After": "9"}, RateLimited),
        (400, {}, InvalidInput),
        (500, {}, ProviderFailed),
        (503, {}, ProviderFailed),
    ],
)
async def test_an_answer_of_the_hub_becomes_an_error_of_ours_after_one_request(
    hub: FakeHuggingFace, ada: HFAccount, status: int, headers: dict[str, str], expected: type[OrchestratorError]
) -> None:
    for call in (ada.whoami, lambda: ada.list_spaces("ada"), lambda: ada.upload_file("ada/x", "dataset", "p", b"1")):
        hub.requests.clear()
        hub.fail_next(status, {"error": "said so"}, headers)
        with pytest.raises(expected) as caught:
            await call()
        assert type(caught.value) is expected
        assert len(hub.requests) == 1
        if expected is RateLimited:
            assert caught.value.details == {"retry_after": 9}


async def test_a_hub_that_is_always_busy_does_not_hold_a_thread_forever(hub: FakeHuggingFace, ada: HFAccount) -> None:
    hub.fail_next(409, {"error": "Cannot create repo: another conflicting operation is in progress"})
    with pytest.raises(Conflict):
        await ada.create_repo("ada/one", "dataset")
    assert len(hub.requests) == 1


async def test_rubbish_and_silence_are_provider_failures(hub: FakeHuggingFace, ada: HFAccount) -> None:
    hub.fail_next(200, b"<html>", {"Content-Type": "text/html"})
    with pytest.raises(ProviderFailed):
        await ada.whoami()
    dead = HFService("http://127.0.0.1:9", timeout=10)
    with pytest.raises(ProviderFailed):
        await dead.for_token("hf_x").whoami()
    dead.close()


async def test_a_slow_hub_is_given_up(hub: FakeHuggingFace) -> None:
    service = HFService(hub.url, timeout=0.2)
    hub.hold()
    with pytest.raises(TimedOut):
        await service.for_token(hub.add_user("slow")).whoami()
    hub.release()
    service.close()


@pytest.mark.parametrize("name", ["one", "a/b/c", "../x", "a/..", "-a/b", "a/b?c", "a/b\n", ""])
async def test_a_wrong_name_never_reaches_the_hub(hub: FakeHuggingFace, ada: HFAccount, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await ada.space_info(name)
    assert caught.value.field == "repo_id"
    assert hub.requests == []


async def test_a_token_is_never_in_an_error(service: HFService) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        await service.for_token("hf_secret").whoami()
    assert "hf_secret" not in repr(caught.value) + repr(caught.value.__cause__)
