"""Hugging Face for one user at a time: who they are, their Spaces, repositories, files. Injected where work runs in a
user's Space and where large results live in a dataset.

The only place that imports huggingface_hub. The library blocks, so each operation runs in a thread with a time limit;
throttled and failed requests come back at once instead of being repeated in there. Logging users in is not done here.
"""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url, set_client_factory
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import SpaceInfo
from huggingface_hub.utils._http import hf_raise_for_status
from huggingface_hub.utils.tqdm import disable_progress_bars

from orchestrator.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OrchestratorError,
    ProviderFailed,
    RateLimited,
    TooLarge,
)
from orchestrator.services.blocking import BlockingCalls

T = TypeVar("T")
RepoType = Literal["model", "dataset", "space"]
SpaceSdk = Literal["gradio", "docker", "static"]

MAX_FILE_BYTES = 64 * 1024 * 1024
_NAME = re.compile(r"(?!.*(?:--|\.\.))[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_REPO = re.compile(rf"{_NAME.pattern}/{_NAME.pattern}")
_SOCKET_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class HFUser:
    """Who a token belongs to."""

    name: str
    full_name: str
    email: str | None
    is_pro: bool
    organizations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """A Space; ``stage`` is Hugging Face's word (RUNNING, SLEEPING, …), ``host`` where its application answers."""

    id: str
    sdk: str | None
    private: bool
    stage: str | None
    hardware: str | None
    host: str | None
    commit: str | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HFRepo:
    """A repository on the Hub."""

    id: str
    type: RepoType
    url: str


@dataclass(frozen=True, slots=True)
class HFCommit:
    """A commit an upload made."""

    sha: str
    url: str


class HFService:
    """Hugging Face at one address; shared by all users, closed with the service."""

    def __init__(self, endpoint: str = "https://huggingface.co", *, timeout: float = 60.0) -> None:
        """``timeout`` in seconds covers one operation, however many requests it takes."""
        self._endpoint = endpoint.rstrip("/")
        self._timeout = timeout
        self._calls = BlockingCalls("Hugging Face")
        # The library keeps one client for the process and gives it no time limit at all.
        set_client_factory(_client)
        disable_progress_bars()

    def for_token(self, token: str) -> "HFAccount":
        """The operations, done as the user of this token."""
        if not token or not token.isascii() or not token.isprintable():
            raise NotAuthenticated("No usable Hugging Face token is linked.", hint="Link Hugging Face again.")
        return HFAccount(HfApi(endpoint=self._endpoint, token=token), self._calls, self._timeout)

    def close(self) -> None:
        """Take no more calls."""
        self._calls.close()


class HFAccount:
    """Hugging Face as one user."""

    def __init__(self, api: HfApi, calls: BlockingCalls, timeout: float) -> None:
        self._api, self._calls, self._timeout = api, calls, timeout

    async def whoami(self) -> HFUser:
        """Who the token belongs to."""
        return await self._do(lambda: _user(self._api.whoami()))

    async def list_spaces(self, author: str, *, tag: str | None = None, limit: int = 100) -> tuple[Space, ...]:
        """The Spaces of a user or an organisation that this token may see; of those with a tag, where one is given."""
        if not _NAME.fullmatch(author):
            raise InvalidInput("This is not the name of a Hugging Face account.", field="author")

        def ask() -> tuple[Space, ...]:
            wanted: Any = ["runtime", "sdk", "private", "sha", "subdomain", "tags"]
            listed = self._api.list_spaces(author=author, filter=tag, limit=limit, expand=wanted)
            return tuple(map(_space, listed))

        return await self._do(ask)

    async def space_info(self, space_id: str) -> Space:
        """One Space by ``owner/name``, with its state."""
        _check_repo(space_id)
        return await self._do(lambda: _space(self._api.space_info(space_id, timeout=_SOCKET_SECONDS)))

    async def create_repo(
        self,
        repo_id: str,
        repo_type: RepoType,
        *,
        private: bool = True,
        space_sdk: SpaceSdk | None = None,
        exist_ok: bool = False,
    ) -> HFRepo:
        """Make a repository; Conflict when it exists and ``exist_ok`` is not said. A Space needs its ``space_sdk``."""
        _check_repo(repo_id)
        if (repo_type == "space") != (space_sdk is not None):
            raise InvalidInput("A Space, and only a Space, needs an SDK.", field="space_sdk")

        def make() -> HFRepo:
            made = self._api.create_repo(
                repo_id, repo_type=repo_type, private=private, space_sdk=space_sdk, exist_ok=exist_ok
            )
            return HFRepo(made.repo_id, repo_type, str(made))

        return await self._do(make)

    async def upload_file(
        self, repo_id: str, repo_type: RepoType, path: str, content: bytes, *, message: str | None = None
    ) -> HFCommit:
        """Write one file in one commit."""
        _check_repo(repo_id)
        _check_path(path)

        def put() -> HFCommit:
            done = self._api.upload_file(
                path_or_fileobj=content,
                path_in_repo=path,
                repo_id=repo_id,
                repo_type=repo_type,
                commit_message=message or f"Upload {path}",
            )
            return HFCommit(done.oid, done.commit_url)

        return await self._do(put)

    async def upload_folder(
        self,
        repo_id: str,
        repo_type: RepoType,
        folder: Path,
        *,
        message: str = "Upload a folder",
        timeout: float | None = None,
    ) -> HFCommit:
        """Write a folder's files in one commit, its ``.git`` aside."""
        _check_repo(repo_id)

        def put() -> HFCommit:
            done = self._api.upload_folder(
                repo_id=repo_id, repo_type=repo_type, folder_path=folder, commit_message=message
            )
            return HFCommit(done.oid, done.commit_url)

        return await self._do(put, timeout)

    async def download_file(
        self,
        repo_id: str,
        repo_type: RepoType,
        path: str,
        *,
        revision: str | None = None,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> bytes:
        """The bytes of one file, its pointer resolved; TooLarge over ``max_bytes``, before anything is fetched."""
        _check_repo(repo_id)
        _check_path(path)

        def get() -> bytes:
            url = hf_hub_url(repo_id, path, repo_type=repo_type, revision=revision, endpoint=self._api.endpoint)
            known = get_hf_file_metadata(
                url, token=self._api.token, timeout=_SOCKET_SECONDS, endpoint=self._api.endpoint
            )
            if known.size is None or known.size > max_bytes:
                message = f"The file is larger than {max_bytes} bytes, or its size is not known."
                raise TooLarge(message, field="path", details={"size": known.size})
            with tempfile.TemporaryDirectory(prefix="orchestrator-hf-") as cache:
                found = self._api.hf_hub_download(
                    repo_id, path, repo_type=repo_type, revision=known.commit_hash or revision, cache_dir=cache
                )
                return Path(found).read_bytes()

        return await self._do(get)

    async def _do(self, call: Callable[[], T], timeout: float | None = None) -> T:
        try:
            return await self._calls.run(call, timeout or self._timeout)
        except (HFValidationError, httpx2.InvalidURL) as error:
            raise InvalidInput("Hugging Face does not know such a name.", field="repo_id") from error
        except HfHubHTTPError as error:
            raise _translated(error) from error
        except (EntryNotFoundError, LocalEntryNotFoundError, httpx2.HTTPError, OSError, ValueError) as error:
            cause = error.__cause__
            if isinstance(cause, HfHubHTTPError):
                raise _translated(cause) from error
            raise ProviderFailed("Hugging Face could not be reached or gave an unreadable answer.") from error


def _client() -> httpx2.Client:
    return httpx2.Client(follow_redirects=True, timeout=_SOCKET_SECONDS, event_hooks={"response": [_give_up_at_once]})


def _give_up_at_once(response: httpx2.Response) -> None:
    """Raise where the library would sleep and repeat: our own retries are counted, seen and bounded."""
    busy = response.status_code == 409 and response.request.url.path.endswith("/api/repos/create")
    if response.status_code == 429 or response.status_code >= 500 or busy:
        response.read()
        if not busy or "another conflicting operation" in response.text:
            hf_raise_for_status(response)


def _user(answer: dict[str, Any]) -> HFUser:
    organizations = tuple(str(found.get("name", "")) for found in answer.get("orgs") or ())
    name = str(answer.get("name") or "")
    if not name:
        raise ValueError("whoami names nobody")
    full_name = str(answer.get("fullname") or name)
    return HFUser(name, full_name, answer.get("email"), bool(answer.get("isPro")), organizations)


def _space(found: SpaceInfo) -> Space:
    runtime = found.runtime
    host = found.host or (f"https://{found.subdomain}.hf.space" if found.subdomain else None)
    return Space(
        id=found.id,
        sdk=found.sdk,
        private=bool(found.private),
        stage=str(runtime.stage) if runtime else None,
        hardware=str(runtime.hardware) if runtime and runtime.hardware else None,
        host=host,
        commit=found.sha,
        tags=tuple(found.tags or ()),
    )


def _check_repo(repo_id: str) -> None:
    if not _REPO.fullmatch(repo_id):
        raise InvalidInput("A repository on Hugging Face is named as owner/name.", field="repo_id")


def _check_path(path: str) -> None:
    parts = path.split("/")
    if len(path) > 1024 or any(part in ("", ".", "..", ".git") or not part.isprintable() for part in parts):
        raise InvalidInput("The path must be relative and without '..'.", field="path")


def _translated(error: HfHubHTTPError) -> OrchestratorError:
    status = error.response.status_code
    said = (error.server_message or "no reason given").strip()[:500]
    if status == 429:
        wait = error.response.headers.get("retry-after", "")
        seconds = int(wait) if wait.isdigit() else 60
        message = f"Hugging Face allows no more requests for {seconds} s."
        return RateLimited(message, details={"retry_after": seconds})
    if isinstance(error, GatedRepoError | DisabledRepoError) or status == 403:
        return Forbidden(f"Hugging Face does not allow this: {said}")
    if status == 401 and not isinstance(error, RepositoryNotFoundError):
        return NotAuthenticated("Hugging Face does not accept the token.", hint="Link the account again.")
    if status in (401, 404):
        return NotFound("Hugging Face has no such thing, or hides it from this account.")
    if status == 409:
        return Conflict(f"Hugging Face refuses: {said}")
    if status in (400, 413, 422):
        return InvalidInput(f"Hugging Face refuses: {said}")
    return ProviderFailed(f"Hugging Face answered with status {status}.", details={"status": status})
