"""Project templates as data, and the stream that turns files into a first commit. Used by mirrors and projects.

A template is a mapping of paths to texts; ``$name``, ``$package`` and ``$title`` are filled in. Writes no files itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template as Text

from orchestrator.core.errors import InvalidInput, NotFound, TooLarge

MAX_FILES, MAX_BYTES = 1000, 4 * 1024 * 1024
_PERSON = re.compile(r"[^<>\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class Author:
    """Who stands in a commit."""

    name: str
    email: str

    def __post_init__(self) -> None:
        for field, value in (("author_name", self.name), ("author_email", self.email)):
            if not _PERSON.fullmatch(value) or not value.strip():
                raise InvalidInput("A name or e-mail address in a commit must be plain text.", field=field)


@dataclass(frozen=True, slots=True)
class ProjectTemplate:
    """A named set of files to begin a project with."""

    name: str
    description: str
    files: Mapping[str, str]


_README = "# $title\n"
_IGNORE = "__pycache__/\n*.pyc\n.venv/\n.pytest_cache/\ndist/\n"
_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$name"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = [$dependencies]

[project.optional-dependencies]
dev = [$development]

[tool.hatch.build.targets.wheel]
packages = ["$package"]
"""
_LIBRARY = '''"""$title."""


def greet(name: str) -> str:
    """A friendly line for somebody."""
    return f"Hello, {name}!"
'''
_LIBRARY_TEST = """from $package import greet


def test_greets_by_name() -> None:
    assert greet("Ada") == "Hello, Ada!"
"""
_SERVICE = '''"""$title: a small HTTP service."""

from fastapi import FastAPI

app = FastAPI(title="$title")


@app.get("/health")
def health() -> dict[str, str]:
    """Whether the service answers."""
    return {"status": "ok"}
'''
_SERVICE_TEST = """from fastapi.testclient import TestClient

from $package.app import app


def test_health_is_ok() -> None:
    assert TestClient(app).get("/health").json() == {"status": "ok"}
"""


def _pyproject(dependencies: str, development: str) -> str:
    return _PYPROJECT.replace("$dependencies", dependencies).replace("$development", development)


TEMPLATES: Mapping[str, ProjectTemplate] = {
    template.name: template
    for template in (
        ProjectTemplate("empty", "A README and nothing else.", {"README.md": _README}),
        ProjectTemplate(
            "python-library",
            "A Python package with a test and a pyproject.toml.",
            {
                "README.md": _README,
                ".gitignore": _IGNORE,
                "pyproject.toml": _pyproject("", '"pytest>=8"'),
                "$package/__init__.py": _LIBRARY,
                "tests/test_$package.py": _LIBRARY_TEST,
            },
        ),
        ProjectTemplate(
            "fastapi-service",
            "An HTTP service on FastAPI with a health check and a test.",
            {
                "README.md": _README + "\nRun it with `uvicorn $package.app:app --reload`.\n",
                ".gitignore": _IGNORE,
                "pyproject.toml": _pyproject('"fastapi>=0.115", "uvicorn>=0.30"', '"pytest>=8", "httpx>=0.27"'),
                "$package/__init__.py": '"""$title."""\n',
                "$package/app.py": _SERVICE,
                "tests/test_health.py": _SERVICE_TEST,
            },
        ),
    )
}


def template_files(template: str, project_name: str) -> dict[str, str]:
    """The files of a template for a project of this name; NotFound for a template that is not there."""
    if template not in TEMPLATES:
        known = ", ".join(sorted(TEMPLATES))
        raise NotFound("There is no such template.", field="template", hint=f"Known templates: {known}.")
    name = re.sub(r"[^a-z0-9]+", "-", project_name.lower()).strip("-")[:60] or "project"
    package = re.sub(r"^(?=\d)", "p_", name.replace("-", "_"))
    title = re.sub(r"[^\w .,()-]", "", project_name).strip() or "Project"
    words = {"name": name, "package": package, "title": title}
    files = TEMPLATES[template].files.items()
    return {Text(path).substitute(words): Text(text).substitute(words) for path, text in files}


def import_stream(files: Mapping[str, str], author: Author, branch: str, head_ref: str) -> bytes:
    """What `git fast-import` reads to make one commit with these files on a branch, and a second name for it."""
    if not files or len(files) > MAX_FILES:
        raise InvalidInput(f"A first commit has between 1 and {MAX_FILES} files.", field="files")
    blobs = {_checked(path): text.encode() for path, text in files.items()}
    if sum(map(len, blobs.values())) > MAX_BYTES:
        raise TooLarge(f"A first commit holds at most {MAX_BYTES} bytes.", field="files")
    who = f"{author.name} <{author.email}> now"
    message = b"First commit\n"
    parts = [f"commit {branch}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n".encode(), message]
    for path, blob in blobs.items():
        parts += [f"M 100644 inline {path}\ndata {len(blob)}\n".encode(), blob, b"\n"]
    parts.append(f"reset {head_ref}\nfrom {branch}\n\n".encode())
    return b"".join(parts)


def _checked(path: str) -> str:
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
    if bad or len(path) > 1024 or re.search(r'[\x00-\x1f\x7f"\\]', path):
        raise InvalidInput("A file of a first commit has a path that is not allowed.", field="files")
    return path
