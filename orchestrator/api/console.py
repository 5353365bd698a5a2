"""The console's files at ``/``: the built ``ui/dist``, held in memory, with cache headers and a strict content policy.

Mounted last by ``main``. Paths without a file get the console's page, which routes in the browser; paths of the other
doors (``/api``, ``/mcp`` and so on) never do. Only names that were found in the folder are served, so no path can
leave it. It does not build the console: ``make console`` does.
"""

import gzip
import hashlib
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from orchestrator.core.errors import NotFound, Unavailable

DIST = Path(__file__).parents[2] / "ui" / "dist"
"""Where ``make console`` puts the built console of this checkout."""

_PAGE = "index.html"
_NONCE_MARK = b"__CSP_NONCE__"
_OTHER_DOORS = frozenset({
    "api", "mcp", "oauth", "docs", "redoc", "openapi.json", "health", "ready", "metrics", ".well-known",
})  # fmt: skip
_FOREVER = "public, max-age=31536000, immutable"
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """One file as it is sent. ``zipped`` is None where compression gains nothing."""

    body: bytes
    zipped: bytes | None
    media_type: str
    etag: str
    cache: str


class ConsoleFiles:
    """The files of a built console, read once and again when the build changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: Mapping[str, ConsoleFile] = {}
        self._built_at = -1

    async def find(self, path: str) -> ConsoleFile:
        """The file at a path, or the page for a path of the console's own routing; NotFound for anything else."""
        files = await anyio.to_thread.run_sync(self._fresh)
        if path in files:
            return files[path]
        # A missing script must not be answered by a page: the browser would report a syntax error in HTML.
        if path.startswith("assets/"):
            raise NotFound("there is no such file")
        return files[_PAGE]

    def _fresh(self) -> Mapping[str, ConsoleFile]:
        try:
            built_at = (self._folder / _PAGE).stat().st_mtime_ns
            if built_at != self._built_at:
                self._files, self._built_at = _read_folder(self._folder), built_at
        except OSError as error:
            raise Unavailable(
                "the console is not built", hint="run `make console`; the API works without it"
            ) from error
        return self._files


class _OwnPathsOnly(APIRoute):
    """Leaves the paths of other doors alone, so that they answer 404 and 405 by themselves."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any route, but for the first part of the path."""
        head = scope["path"].lstrip("/").split("/", 1)[0]
        return (Match.NONE, {}) if head in _OTHER_DOORS else super().matches(scope)


def console_router(folder: Path = DIST) -> APIRouter:
    """The router that serves a built console; include it after every other router."""
    router = APIRouter(include_in_schema=False, route_class=_OwnPathsOnly)
    files = ConsoleFiles(folder)

    @router.api_route("/{path:path}", methods=["GET", "HEAD"])
    async def console(path: str, request: Request) -> Response:
        file = await files.find(path or _PAGE)
        return _page(file) if file.media_type == "text/html" else _asset(file, request)

    return router


def _page(file: ConsoleFile) -> Response:
    """The page, with a nonce of its own in it and in its content policy."""
    nonce = secrets.token_urlsafe(18)
    body = file.body.replace(_NONCE_MARK, nonce.encode())
    headers = {"Content-Security-Policy": content_policy(nonce), "Cache-Control": file.cache}
    return Response(body, media_type=file.media_type, headers=headers)


def content_policy(nonce: str) -> str:
    """What the console may load: its own files and its own service; pictures of people from GitHub and Hugging Face."""
    own = f"'self' 'nonce-{nonce}'"
    rules = {
        "default-src": "'none'",
        "script-src": own,
        "style-src": own,
        "font-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data: https://avatars.githubusercontent.com https://huggingface.co https://cdn-avatars.huggingface.co",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _asset(file: ConsoleFile, request: Request) -> Response:
    headers = {"Cache-Control": file.cache, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.zipped, media_type=file.media_type, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


def _read_folder(folder: Path) -> Mapping[str, ConsoleFile]:
    # Dot files are notes of the build.
    paths = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and not p.name.startswith("."))
    return {path.relative_to(folder).as_posix(): _read_file(path, folder) for path in paths}


def _read_file(path: Path, folder: Path) -> ConsoleFile:
    body = path.read_bytes()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    zipped = gzip.compress(body, 6, mtime=0) if media_type.startswith(_COMPRESSIBLE) else None
    # The build puts a hash of the content into the name of everything under assets/.
    hashed = path.relative_to(folder).parts[0] == "assets"
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return ConsoleFile(body, zipped, media_type, etag, _FOREVER if hashed else "no-cache")
