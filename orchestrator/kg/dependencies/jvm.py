"""Manifests of the JVM: pom.xml, and the simple forms of build.gradle."""

import re
from xml.etree.ElementTree import Element

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import below, child_text, lines, local_name, xml
from orchestrator.kg.facts import Dependency, FileFacts

_PROPERTY = re.compile(r"\$\{([\w.-]+)\}")
_SCOPES = {"test": "test", "provided": "build", "system": "build", "import": "build"}
_GRADLE = re.compile(
    r"^[ \t]*(api|implementation|compileOnly|runtimeOnly|testImplementation|testRuntimeOnly|annotationProcessor|kapt|"
    r"ksp|compile|testCompile)\b[\s(]*(?:platform\()?[\"']([^\"':\s$]+):([^\"':\s$]+)(?::([^\"':\s]+))?[\"']",
    re.MULTILINE,
)
_GRADLE_SCOPES = {"compileOnly": "build", "annotationProcessor": "build", "kapt": "build", "ksp": "build"}


def pom_xml(source: bytes) -> FileFacts:
    """Dependencies and managed versions; properties of the same file are filled in, others stay as written."""
    root = xml(source)
    properties = {local_name(one): (one.text or "").strip() for held in below(root, "properties") for one in held}
    found: list[Dependency] = []
    for one in below(root, "dependencies", "dependency"):
        found += _dependency(one, properties, "runtime")
    # What is managed is only needed where another file asks for it.
    for one in below(root, "dependencyManagement", "dependencies", "dependency"):
        found += _dependency(one, properties, "")
    return manifest_facts(lines(source), found, child_text(root, "artifactId"))


def _dependency(element: Element, properties: dict[str, str], usual: str) -> list[Dependency]:
    def filled(name: str) -> str:
        return _PROPERTY.sub(lambda found: properties.get(found[1], found[0]), child_text(element, name))

    scope = _SCOPES.get(child_text(element, "scope"), usual)
    scope = "optional" if child_text(element, "optional") == "true" else scope
    name = f"{filled('groupId')}:{filled('artifactId')}"
    return dependency("maven", name, constraint=filled("version"), scope=scope) if len(name) > 1 else []


def build_gradle(source: bytes) -> FileFacts:
    """Lines such as ``implementation "group:name:version"``, in either of Gradle's languages."""
    found: list[Dependency] = []
    for word, group, name, version in _GRADLE.findall(source.decode()):
        scope = "test" if word.startswith("test") else _GRADLE_SCOPES.get(word, "runtime")
        found += dependency("maven", f"{group}:{name}", constraint=version, scope=scope)
    return manifest_facts(lines(source), found)
