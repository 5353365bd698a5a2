"""Manifests and lock files of Python: pyproject.toml, requirements files, setup.cfg, and three kinds of lock files."""

import configparser
import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import BadManifestError, json, lines, rows, string, table, toml
from orchestrator.kg.facts import Dependency, FileFacts

_OPTION = re.compile(r"\s(?:--hash|--config-settings|--global-option)[=\s].*|\s#.*|^#.*")


def pyproject(source: bytes) -> FileFacts:
    """PEP 621, dependency groups (PEP 735), build requirements (PEP 518) and Poetry's own tables."""
    document = toml(source)
    project, poetry = table(document.get("project")), table(table(document.get("tool")).get("poetry"))
    found = list(_requirements(rows(project.get("dependencies")), "runtime"))
    for extra in table(project.get("optional-dependencies")).values():
        found += _requirements(rows(extra), "optional")
    for group in table(document.get("dependency-groups")).values():
        found += _requirements(rows(group), "dev")
    found += _requirements(rows(table(document.get("build-system")).get("requires")), "build")
    found += _poetry(poetry)
    return manifest_facts(lines(source), found, string(project.get("name")) or string(poetry.get("name")))


def _poetry(poetry: object) -> Iterator[Dependency]:
    held = table(poetry)
    yield from _poetry_table(held.get("dependencies"), "runtime")
    yield from _poetry_table(held.get("dev-dependencies"), "dev")
    for group in table(held.get("group")).values():
        yield from _poetry_table(table(group).get("dependencies"), "dev")


def _poetry_table(named: object, scope: str) -> Iterator[Dependency]:
    for name, value in table(named).items():
        given = table(value)
        constraint = string(value) or string(given.get("version"))
        if name != "python":
            kept = "optional" if given.get("optional") is True else scope
            yield from dependency("pypi", name, constraint=constraint, scope=kept)


def _requirements(written: list[object], scope: str) -> Iterator[Dependency]:
    for one in written:
        try:
            requirement = Requirement(string(one))
        except InvalidRequirement:
            continue
        yield from dependency("pypi", requirement.name, constraint=str(requirement.specifier), scope=scope)


def requirements(source: bytes) -> FileFacts:
    """A requirements file of pip; options, paths and other files it names are left out."""
    return _requirements_file(source, "runtime")


def requirements_for_developing(source: bytes) -> FileFacts:
    """A requirements file that is named for developing, testing or documenting."""
    return _requirements_file(source, "dev")


def _requirements_file(source: bytes, scope: str) -> FileFacts:
    text = source.decode().replace("\\\n", " ")
    written: list[object] = [_OPTION.sub("", line).strip() for line in text.splitlines()]
    return manifest_facts(lines(source), _requirements(written, scope))


def setup_cfg(source: bytes) -> FileFacts:
    """What setuptools reads from setup.cfg."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(source.decode())
    except configparser.Error as error:
        raise BadManifestError("not an ini file") from error
    found: list[Dependency] = []
    for option, scope in (("install_requires", "runtime"), ("setup_requires", "build"), ("tests_require", "test")):
        found += _requirements(_listed(parser.get("options", option, fallback="")), scope)
    if parser.has_section("options.extras_require"):
        for _, value in parser.items("options.extras_require"):
            found += _requirements(_listed(value), "optional")
    return manifest_facts(lines(source), found, parser.get("metadata", "name", fallback=""))


def _listed(value: str) -> list[object]:
    return [line.strip() for line in re.split(r"[\n]|;(?!\s*[a-z_]+\s*[<>=!])", value) if line.strip()]


def toml_lock(source: bytes) -> FileFacts:
    """poetry.lock and uv.lock: packages with a version each."""
    found: list[Dependency] = []
    for one in rows(toml(source).get("package")):
        package = table(one)
        origin = table(package.get("source"))
        if "editable" in origin or "virtual" in origin:
            continue  # the project itself
        groups = [string(group) for group in rows(package.get("groups"))] or [string(package.get("category"))]
        scope = "dev" if groups and "main" not in groups and groups != [""] else "runtime"
        found += dependency("pypi", string(package.get("name")), locked=string(package.get("version")), scope=scope)
    return manifest_facts(lines(source), found)


def pipfile_lock(source: bytes) -> FileFacts:
    """Pipfile.lock: versions for running and for developing."""
    document, found = json(source), list[Dependency]()
    for section, scope in (("default", "runtime"), ("develop", "dev")):
        for name, value in table(document.get(section)).items():
            version = string(table(value).get("version")).removeprefix("==")
            found += dependency("pypi", name, locked=version, scope=scope)
    return manifest_facts(lines(source), found)
