"""Manifests and lock files of Ruby, PHP and .NET."""

import re
from collections.abc import Iterator

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import child_text, json, lines, local_name, rows, string, table, xml
from orchestrator.kg.facts import Dependency, FileFacts

_GEM = re.compile(r"^\s*gem[\s(]+[\"']([^\"']+)[\"']([^\n]*)", re.MULTILINE)
_QUOTED = re.compile(r"[\"']\s*([~<>=!]*\s*\d[^\"']*)[\"']")
_GROUP = re.compile(r"^\s*group\b([^\n]*?)\bdo\s*$")
_LOCKED_GEM = re.compile(r"^    ([^\s(]+) \(([^)\s]+)\)$", re.MULTILINE)
_MAX_OPTIONS = 500
_DEVELOPING = re.compile(r":?\b(development|test)\b")


def gemfile(source: bytes) -> FileFacts:
    """Lines ``gem "name", "~> 1.0"``; what stands in a group for developing or testing has that scope."""
    found: list[Dependency] = []
    group = ""
    for line in source.decode().splitlines():
        opened = _GROUP.match(line)
        group = opened[1] if opened else "" if line.startswith("end") else group
        for name, options in _GEM.findall(line):
            rest = options[:_MAX_OPTIONS]
            constraint = ", ".join(_QUOTED.findall(rest))
            scope = (
                "dev" if _DEVELOPING.search(group) or re.search(r"group:?.*\b(development|test)\b", rest) else "runtime"
            )
            found += dependency("gem", name, constraint=constraint, scope=scope)
    return manifest_facts(lines(source), found)


def gemfile_lock(source: bytes) -> FileFacts:
    """Gemfile.lock: gems with the version taken."""
    found: list[Dependency] = []
    for name, version in _LOCKED_GEM.findall(source.decode()):
        found += dependency("gem", name, locked=version, scope="")
    return manifest_facts(lines(source), found)


def composer_json(source: bytes) -> FileFacts:
    """What a package of Composer asks for; PHP itself and its extensions are no packages."""
    document, found = json(source), list[Dependency]()
    for section, scope in (("require", "runtime"), ("require-dev", "dev")):
        for name, constraint in table(document.get(section)).items():
            if "/" in name:
                found += dependency("composer", name, constraint=string(constraint), scope=scope)
    return manifest_facts(lines(source), found, string(document.get("name")))


def composer_lock(source: bytes) -> FileFacts:
    """composer.lock: packages with the version taken."""
    document, found = json(source), list[Dependency]()
    for section, scope in (("packages", "runtime"), ("packages-dev", "dev")):
        for one in rows(document.get(section)):
            package = table(one)
            found += dependency(
                "composer", string(package.get("name")), locked=string(package.get("version")), scope=scope
            )
    return manifest_facts(lines(source), found)


def project_file(source: bytes) -> FileFacts:
    """A .csproj, or a file of shared properties: references to packages, with their version where one stands there."""
    return manifest_facts(lines(source), _references(source))


def _references(source: bytes) -> Iterator[Dependency]:
    for element in xml(source).iter():
        if local_name(element) in ("PackageReference", "PackageVersion"):
            name = element.get("Include") or element.get("Update") or ""
            version = element.get("Version") or child_text(element, "Version")
            private = element.get("PrivateAssets") or child_text(element, "PrivateAssets")
            scope = "build" if private.lower() == "all" else "runtime"
            yield from dependency("nuget", name, constraint=version, scope=scope)


def packages_lock(source: bytes) -> FileFacts:
    """packages.lock.json of NuGet: for each framework, packages with the version taken."""
    found: list[Dependency] = []
    for framework in table(json(source).get("dependencies")).values():
        for name, value in table(framework).items():
            held = table(value)
            scope = "indirect" if held.get("type") == "Transitive" else "runtime"
            found += dependency("nuget", name, locked=string(held.get("resolved")), scope=scope)
    return manifest_facts(lines(source), found)
