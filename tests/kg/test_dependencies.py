"""Manifests and lock files: what they ask for, what they fix, and that none of them can hurt."""

from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.kg.dependencies.reading import BadManifestError
from orchestrator.kg.facts import Dependency
from orchestrator.kg.indexing.languages import language_of
from orchestrator.kg.rdf.vocabulary import CODE, SCHEMA, SPDX
from tests.kg.conftest import Build
from tests.kg.languages.reading import read
from tests.kg.sample import SAMPLE, load


def declared(path: str, content: str) -> set[tuple[str, str, str, str]]:
    """Name, constraint, locked version and scope of each dependency."""
    found = read({path: content}).links[path].dependencies
    return {(one.name, one.constraint, one.locked, one.scope) for one in found}


def urls(path: str, content: str) -> set[str]:
    return {one.package_url for one in read({path: content}).links[path].dependencies}


def test_pyproject_tells_project_extras_groups_build_and_poetry() -> None:
    content = """
[build-system]
requires = ["hatchling>=1"]
[project]
name = "shop"
dependencies = ["requests[socks]>=2,<3; python_version > '3.8'", "PyYAML", "not a requirement !!"]
[project.optional-dependencies]
pg = ["psycopg==3.1"]
[dependency-groups]
dev = ["pytest>=8", {include-group = "other"}]
[tool.poetry.dependencies]
python = "^3.11"
rich = {version = "^13", optional = true}
[tool.poetry.group.docs.dependencies]
mkdocs = "*"
"""
    assert declared("pyproject.toml", content) == {
        ("hatchling", ">=1", "", "build"),
        ("requests", "<3,>=2", "", "runtime"),
        ("PyYAML", "", "", "runtime"),
        ("psycopg", "==3.1", "", "optional"),
        ("pytest", ">=8", "", "dev"),
        ("rich", "^13", "", "optional"),
        ("mkdocs", "*", "", "dev"),
    }
    assert "pkg:pypi/pyyaml" in urls("pyproject.toml", content)


def test_requirements_files_leave_options_and_comments_out() -> None:
    content = (
        "# top\n-r other.txt\n--index-url https://x\nDjango==5.2  # web\nattrs>=1 \\\n  --hash=sha256:aa\n./local\n"
    )
    assert declared("requirements.txt", content) == {
        ("Django", "==5.2", "", "runtime"),
        ("attrs", ">=1", "", "runtime"),
    }
    assert declared("requirements-dev.txt", content) == {("Django", "==5.2", "", "dev"), ("attrs", ">=1", "", "dev")}


def test_setup_cfg_lists_are_read() -> None:
    content = (
        "[metadata]\nname = shop\n[options]\ninstall_requires =\n    a>=1\n    b\n[options.extras_require]\nx = c==2\n"
    )
    assert declared("setup.cfg", content) == {
        ("a", ">=1", "", "runtime"),
        ("b", "", "", "runtime"),
        ("c", "==2", "", "optional"),
    }


def test_locks_of_python_fix_versions() -> None:
    lock = '[[package]]\nname = "attrs"\nversion = "25.1"\n\n[[package]]\nname = "shop"\nversion = "0"\nsource = { editable = "." }\n'  # noqa: E501 - a lock as it is
    assert declared("uv.lock", lock) == {("attrs", "", "25.1", "runtime")}
    assert urls("poetry.lock", lock) == {"pkg:pypi/attrs@25.1"}
    pipfile = '{"default": {"a": {"version": "==1.0"}}, "develop": {"b": {"version": "==2.0"}}}'
    assert declared("Pipfile.lock", pipfile) == {("a", "", "1.0", "runtime"), ("b", "", "2.0", "dev")}


def test_package_json_and_the_locks_of_npm_yarn_and_pnpm() -> None:
    asked = '{"name": "shop", "dependencies": {"@scope/a": "^1"}, "devDependencies": {"jest": "29"}, "peerDependencies": {"react": "*"}}'  # noqa: E501 - a manifest as it is
    assert declared("package.json", asked) == {
        ("@scope/a", "^1", "", "runtime"),
        ("jest", "29", "", "dev"),
        ("react", "*", "", "peer"),
    }
    assert "pkg:npm/%40scope/a" in urls("package.json", asked)
    new = '{"packages": {"": {"name": "shop"}, "node_modules/@s/a": {"version": "1.2"}, "node_modules/b": {"version": "2", "dev": true}}}'  # noqa: E501 - a lock as it is
    assert declared("package-lock.json", new) == {("@s/a", "", "1.2", "runtime"), ("b", "", "2", "dev")}
    old = '{"dependencies": {"a": {"version": "1", "dependencies": {"b": {"version": "2"}}}}}'
    assert declared("package-lock.json", old) == {("a", "", "1", "runtime"), ("b", "", "2", "runtime")}
    classic = '# yarn lockfile v1\n\n"@s/a@^1.0", "@s/a@^1.1":\n  version "1.2"\n\nb@2:\n  version "2.0"\n'
    assert declared("yarn.lock", classic) == {("@s/a", "", "1.2", ""), ("b", "", "2.0", "")}
    berry = '__metadata:\n  version: 8\n\n"a@npm:^1.0":\n  version: 1.1\n  resolution: "a@npm:1.1"\n\n"shop@workspace:.":\n  version: 0\n'  # noqa: E501 - a lock as it is
    assert declared("yarn.lock", berry) == {("a", "", "1.1", "")}
    pnpm = "lockfileVersion: '9.0'\npackages:\n  '@s/a@1.2.3':\n    cpu: [x]\n  b@2.0.0(c@1): {dev: true}\n"
    assert declared("pnpm-lock.yaml", pnpm) == {("@s/a", "", "1.2.3", ""), ("b", "", "2.0.0", "dev")}


def test_go_mod_and_go_sum() -> None:
    content = "module example.com/shop\n\ngo 1.22\n\nrequire github.com/a/b v1.2.3\n\nrequire (\n\tgolang.org/x/c v0.1.0 // indirect\n)\n"  # noqa: E501 - a manifest as it is
    assert declared("go.mod", content) == {
        ("github.com/a/b", "v1.2.3", "v1.2.3", "runtime"),
        ("golang.org/x/c", "v0.1.0", "v0.1.0", "indirect"),
    }
    assert "pkg:golang/github.com/a/b@v1.2.3" in urls("go.mod", content)
    sums = "github.com/a/b v1.2.3 h1:x=\ngithub.com/a/b v1.2.3/go.mod h1:y=\n"
    assert declared("go.sum", sums) == {("github.com/a/b", "", "v1.2.3", "")}


def test_cargo_manifests_and_locks() -> None:
    content = """
[package]
name = "shop"
[dependencies]
serde = { version = "1", optional = true }
alias = { package = "real-name", version = "2" }
[dev-dependencies]
quick = "0.1"
[target.'cfg(unix)'.dependencies]
libc = "0.2"
"""
    assert declared("Cargo.toml", content) == {
        ("serde", "1", "", "optional"),
        ("real-name", "2", "", "runtime"),
        ("quick", "0.1", "", "dev"),
        ("libc", "0.2", "", "runtime"),
    }
    lock = '[[package]]\nname = "shop"\nversion = "0.1"\n\n[[package]]\nname = "libc"\nversion = "0.2.9"\nsource = "registry"\n'  # noqa: E501 - a lock as it is
    assert declared("Cargo.lock", lock) == {("libc", "", "0.2.9", "")}


def test_pom_fills_in_its_own_properties() -> None:
    content = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<artifactId>shop</artifactId><properties><v>1.5</v></properties><dependencies>
<dependency><groupId>org.a</groupId><artifactId>b</artifactId><version>${v}</version></dependency>
<dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>${other}</version><scope>test</scope></dependency>
</dependencies><dependencyManagement><dependencies>
<dependency><groupId>m</groupId><artifactId>n</artifactId><version>3</version></dependency>
</dependencies></dependencyManagement></project>"""
    assert declared("pom.xml", content) == {
        ("org.a:b", "1.5", "", "runtime"),
        ("junit:junit", "${other}", "", "test"),
        ("m:n", "3", "", ""),
    }
    assert "pkg:maven/org.a/b" in urls("pom.xml", content)


def test_simple_forms_of_gradle() -> None:
    content = "dependencies {\n  implementation 'a.b:c:1.0'\n  testImplementation(\"d:e:2\")\n  api(libs.core)\n}\n"
    expected = {("a.b:c", "1.0", "", "runtime"), ("d:e", "2", "", "test")}
    assert declared("build.gradle", content) == declared("build.gradle.kts", content) == expected


def test_gems_with_their_groups() -> None:
    content = (
        "source 'https://x'\ngem 'rails', '~> 7.0'\ngroup :development, :test do\n  gem \"rspec\"\nend\ngem 'pg'\n"
    )
    assert declared("Gemfile", content) == {
        ("rails", "~> 7.0", "", "runtime"),
        ("rspec", "", "", "dev"),
        ("pg", "", "", "runtime"),
    }
    lock = "GEM\n  specs:\n    rails (7.0.1)\n      rack (>= 2)\n    rack (2.2)\n\nDEPENDENCIES\n  rails\n"
    assert declared("Gemfile.lock", lock) == {("rails", "", "7.0.1", ""), ("rack", "", "2.2", "")}


def test_composer() -> None:
    content = '{"name": "me/shop", "require": {"php": ">=8", "a/b": "^1"}, "require-dev": {"c/d": "*"}}'
    assert declared("composer.json", content) == {("a/b", "^1", "", "runtime"), ("c/d", "*", "", "dev")}
    lock = '{"packages": [{"name": "a/b", "version": "1.2"}], "packages-dev": [{"name": "c/d", "version": "3"}]}'
    assert declared("composer.lock", lock) == {("a/b", "", "1.2", "runtime"), ("c/d", "", "3", "dev")}


def test_project_files_of_dotnet() -> None:
    content = """<Project Sdk="x"><ItemGroup><PackageReference Include="A.B" Version="1.0" />
<PackageReference Include="C"><Version>2.0</Version><PrivateAssets>all</PrivateAssets></PackageReference>
</ItemGroup></Project>"""
    assert declared("src/Shop.csproj", content) == {("A.B", "1.0", "", "runtime"), ("C", "2.0", "", "build")}
    lock = '{"version": 1, "dependencies": {"net8.0": {"A": {"type": "Direct", "resolved": "1.0"}, "B": {"type": "Transitive", "resolved": "2"}}}}'  # noqa: E501 - a lock as it is
    assert declared("packages.lock.json", lock) == {("A", "", "1.0", "runtime"), ("B", "", "2", "indirect")}


_BOMB = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\npackages: [*b,*b,*b]\n"
_ENTITY = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><project><artifactId>&x;</artifactId></project>'
_HOSTILE = {
    "pnpm-lock.yaml": [
        _BOMB,
        "[" * 10_000,
        "a: !!python/object/apply:os.system [x]",
        "a: " + "1:59" * 20_000,
        "- just\n- rows\n- \x00",
    ],
    "pom.xml": [_ENTITY, "<project>", "<a>" * 10_000],
    "pyproject.toml": [
        "a = " + "[" * 10_000,
        "not toml",
        "dependencies = 3\n[project]\ndependencies = {a = 1}\nx = 1\nx = 2",
    ],
    "package.json": [
        "[" * 10_000,
        "{",
        "[1, 2]",
        '{"dependencies": [1], "devDependencies": {"a": {"b": 1}}, "name": 7}',
    ],
    "setup.cfg": ["no section", "[options]\ninstall_requires = %(x)s\n[[["],
    "requirements.txt": ["(" * 10_000, "a" * 100_000, "a;" * 10_000],
    "Gemfile": ["gem '" + "x" * 10_000, "group " * 10_000],
    "go.mod": ["require (" * 5_000, "module\n" * 5_000],
    "Cargo.lock": ["package = 3", "[[package]]\nname = 7\nversion = []\nsource = 1"],
    "yarn.lock": ["@" * 100_000, "\n\n" * 50_000],
    "x.csproj": ['<P><PackageReference Include="a&#10;b" Version="1"/><PackageReference/></P>'],
    "build.gradle": ["implementation(" * 10_000, "implementation '" + "a:" * 50_000],
}


@pytest.mark.parametrize("path", sorted(_HOSTILE))
def test_hostile_manifests_are_refused_or_say_little(path: str) -> None:
    language = language_of(path, b"")
    assert language is not None
    for content in _HOSTILE[path]:
        with suppress(BadManifestError):
            assert len(language.extract(content.encode()).program) < 1000


def test_aliases_and_document_types_are_refused() -> None:
    for path, content, reason in (
        ("pnpm-lock.yaml", _BOMB, "YAML with aliases"),
        ("pom.xml", _ENTITY, "XML with a document type"),
        ("package.json", "[" * 10_000, "not JSON"),
        ("package.json", '{"exports": ' + '{"a": ' * 300 + "1" + "}" * 301, "nested too deeply"),
        ("pyproject.toml", "a = " + "[" * 10_000, "nested too deeply"),
    ):
        language = language_of(path, b"")
        assert language is not None
        with pytest.raises(BadManifestError, match=reason):
            language.extract(content.encode())


def test_names_that_can_be_nobodys_are_left_out() -> None:
    assert declared("package.json", '{"dependencies": {"": "1", "a b": "1", "<x>": "1", "ok": "1"}}') == {
        ("ok", "1", "", "runtime")
    }


def test_dependencies_are_in_the_graph_of_their_manifest(build: Build, folder: Path) -> None:
    build({**SAMPLE, "pyproject.toml": "[project]\nname = 'shop'\ndependencies = ['requests>=2']\n"})
    rows = load(folder).query(f"""SELECT ?g ?name ?url ?constraint ?scope {{ GRAPH ?g {{
      ?file <{CODE}dependsOn> ?d . ?d a <{CODE}Dependency> ; <{SCHEMA}name> ?name ; <{SPDX}packageUrl> ?url ;
      <{CODE}versionConstraint> ?constraint ; <{CODE}dependencyScope> ?scope ; <{CODE}declaredIn> ?file }} }}""")
    found = [(row["name"].value, row["url"].value, row["constraint"].value, row["scope"].value) for row in rows]
    assert found == [("requests", "pkg:pypi/requests", ">=2", "runtime")]


def test_a_manifest_is_no_programming_language(build: Build, folder: Path) -> None:
    build()
    rows = load(folder).query(
        f"SELECT DISTINCT ?l {{ ?f <{SCHEMA}programmingLanguage> ?l }}", use_default_graph_as_union=True
    )
    assert [row["l"].value for row in rows] == ["python"]


def test_a_dependency_has_all_its_parts() -> None:
    found = read({"go.mod": "module m\nrequire a.b/c v1\n"}).links["go.mod"].dependencies
    assert found == (Dependency("golang", "a.b/c", "v1", "v1", "runtime", "pkg:golang/a.b/c@v1"),)
