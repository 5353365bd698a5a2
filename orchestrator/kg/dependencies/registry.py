"""Which files are manifests, and who reads them. Used by the table of languages.

Formats that a language's linker needs for its own names stand apart: the module of go.mod, the crate of Cargo.toml, the
exports of package.json.
"""

from collections.abc import Callable
from typing import NamedTuple

from orchestrator.kg.dependencies import go, javascript, jvm, others, python, rust
from orchestrator.kg.facts import FileFacts


class Manifest(NamedTuple):
    """A format: a name, patterns of whole file names, and the reader of its UTF-8 text."""

    name: str
    file_names: tuple[str, ...]
    extract: Callable[[bytes], FileFacts]


GO_MOD = Manifest("go.mod", ("go.mod",), go.go_mod)
CARGO_TOML = Manifest("Cargo.toml", ("Cargo.toml",), rust.cargo_toml)
PACKAGE_JSON = Manifest("package.json", ("package.json",), javascript.package_json)
MANIFESTS = (
    Manifest("pyproject.toml", ("pyproject.toml",), python.pyproject),
    Manifest(
        "requirements-dev.txt",
        ("requirements*dev*.txt", "requirements*test*.txt", "requirements*doc*.txt", "requirements*lint*.txt"),
        python.requirements_for_developing,
    ),
    Manifest("requirements.txt", ("requirements*.txt", "constraints*.txt"), python.requirements),
    Manifest("setup.cfg", ("setup.cfg",), python.setup_cfg),
    Manifest("poetry.lock", ("poetry.lock", "uv.lock"), python.toml_lock),
    Manifest("Pipfile.lock", ("Pipfile.lock",), python.pipfile_lock),
    Manifest("package-lock.json", ("package-lock.json", "npm-shrinkwrap.json"), javascript.package_lock),
    Manifest("yarn.lock", ("yarn.lock",), javascript.yarn_lock),
    Manifest("pnpm-lock.yaml", ("pnpm-lock.yaml",), javascript.pnpm_lock),
    Manifest("go.sum", ("go.sum",), go.go_sum),
    Manifest("Cargo.lock", ("Cargo.lock",), rust.cargo_lock),
    Manifest("pom.xml", ("pom.xml", "*.pom"), jvm.pom_xml),
    Manifest("build.gradle", ("build.gradle", "build.gradle.kts"), jvm.build_gradle),
    Manifest("Gemfile", ("Gemfile", "gems.rb"), others.gemfile),
    Manifest("Gemfile.lock", ("Gemfile.lock", "gems.locked"), others.gemfile_lock),
    Manifest("composer.json", ("composer.json",), others.composer_json),
    Manifest("composer.lock", ("composer.lock",), others.composer_lock),
    Manifest("csproj", ("*.csproj", "*.fsproj", "*.vbproj", "Directory.*.props"), others.project_file),
    Manifest("packages.lock.json", ("packages.lock.json",), others.packages_lock),
)
