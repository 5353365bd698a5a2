"""Documentation that cannot rot: pages made from the code are current, what is named exists, snippets run or parse."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.readme import render, stands_in_readme
from benchmarks.repositories import table as repositories
from benchmarks.repositories.sampling import DRAWN, VERDICTS
from benchmarks.repositories.sources import REPOSITORIES
from orchestrator.core.events import EventKind
from orchestrator.core.states import Reason, TaskState
from scripts.reference import FOLDER, PAGES
from scripts.reference_words import EVENTS, REASONS, STATES
from tests.architecture.source import PACKAGE, ROOT, name_of

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PROSE = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CLAUDE.md", "CHANGELOG.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "reference"),
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


def _snippets(language: str) -> list[tuple[str, str]]:
    return [
        (f"{name_of(path)} {number}", text)
        for path in PROSE
        for number, (kind, text) in enumerate(_BLOCK.findall(path.read_text()), 1)
        if kind == language
    ]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_pages_are_those_of_the_code(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make reference`"


def test_the_figures_in_the_readme_are_those_that_were_measured() -> None:
    assert stands_in_readme() == render()


def test_the_page_about_real_repositories_is_made_of_the_verdicts_and_each_call_has_one() -> None:
    assert repositories.stands_in_page() == repositories.render(), "run `python -m benchmarks.repositories table`"
    for one in REPOSITORIES:
        told = json.loads(one.sample.read_bytes())
        assert (told["package"], told["version"]) == (one.package, one.version)
        assert len(told["calls"]) == DRAWN
        assert told["figures"]["violations"] == 0
        for call in told["calls"]:
            assert call["verdict"] in VERDICTS, call
            assert call["why"], call
    for fault in json.loads(repositories.MENDED.read_bytes()):
        assert (ROOT / fault["test"]).exists()


def test_every_event_reason_and_state_is_explained() -> None:
    assert (set(EVENTS), set(REASONS), set(STATES)) == (set(EventKind), set(Reason), set(TaskState))


def test_the_architecture_page_names_every_folder_and_no_other() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"^### orchestrator/(\w+)$", text, re.MULTILINE))
    assert named == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def test_the_drawing_has_the_floors_of_the_contracts() -> None:
    contracts = (ROOT / ".importlinter").read_text()
    floors = contracts.partition("layers =\n")[2].partition("\n\n")[0]
    drawing = (ROOT / "docs" / "architecture.md").read_text().partition("```\n")[2].partition("```")[0]
    drawn = [set(re.findall(r"\w+", re.split(r"\s{3,}", line)[0])) for line in drawing.strip().splitlines()]
    checked = [set(re.findall(r"\w+", line)) - {"__main__"} for line in floors.splitlines()]
    assert drawn == [floor for floor in checked if floor]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_one_page_and_names_what_enforces_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert all(f"**{word}" in text for word in ("Status:", "Question.", "Decision.", "Consequences."))
    enforcers = re.findall(r"`([^`]+)`", text.partition("**Enforced by:**")[2])
    assert enforcers
    assert [name for name in enforcers if not (ROOT / name.partition("::")[0]).exists()] == []


@pytest.mark.parametrize("path", PROSE, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    assert [link for link in _LINK.findall(path.read_text()) if not (path.parent / link).exists()] == []


def test_every_make_target_in_the_prose_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {"bench"}
    named = {word for path in PROSE for word in re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.MULTILINE)}
    assert named - targets == set()


def test_every_command_in_the_prose_exists() -> None:
    known = {line.split("`")[1] for line in (FOLDER / "commands.md").read_text().splitlines() if line.startswith("| `")}
    for path in PROSE:
        for words in re.findall(r"python -m orchestrator ([a-z]+(?: [a-z]+)?)", path.read_text()):
            assert words in known or words.partition(" ")[0] in known, f"{name_of(path)}: {words}"


@pytest.mark.parametrize(("where", "text"), _snippets("sh"))
def test_shell_snippets_parse(where: str, text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, timeout=10, check=False)
    assert done.returncode == 0, f"{where}: {done.stderr}"


@pytest.mark.parametrize(("where", "text"), _snippets("json"))
def test_json_snippets_parse(where: str, text: str) -> None:
    assert json.loads(text), where


@pytest.mark.parametrize(("where", "text"), _snippets("python"))
def test_python_snippets_run(where: str, text: str) -> None:
    exec(compile(text, where, "exec"), {})


def test_every_task_type_in_a_curl_snippet_is_known() -> None:
    page = (FOLDER / "task-types.md").read_text()
    for where, text in _snippets("sh"):
        for kind in re.findall(r'"type\\?": \\?"(\w+)', text):
            assert f"| `{kind}` |" in page, f"{where}: {kind}"


def test_agents_are_led_to_one_page() -> None:
    assert (ROOT / "CLAUDE.md").read_text().strip() == "Read [AGENTS.md](AGENTS.md)."
    assert len((ROOT / "AGENTS.md").read_text().splitlines()) <= 40
