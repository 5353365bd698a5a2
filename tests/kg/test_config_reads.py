"""Which configuration Python code reads, and where; nothing that only looks like it."""

from pathlib import Path

import pytest

from orchestrator.kg.python.extract import extract
from tests.kg.conftest import Asked, Build


def reads(source: str) -> list[tuple[str, str, str]]:
    facts = extract(source.encode())
    return [(facts.definitions[read.scope].name, read.key, read.origin) for read in facts.config]


@pytest.mark.parametrize(
    "expression",
    [
        'os.environ["KEY"]', 'os.environ.get("KEY", "x")', "os.getenv('KEY')", 'os.environ.pop("KEY")',
        '"KEY" in os.environ',
    ],
)  # fmt: skip
def test_each_way_to_read_the_environment_is_seen(expression: str) -> None:
    assert reads(f"import os\ndef f():\n    return {expression}\n") == [("f", "KEY", "env")]


def test_names_are_followed_to_their_import() -> None:
    source = (
        "import os as system\nfrom os import environ as env, getenv\nA = system.environ['A'], env['B'], getenv('C')\n"
    )
    assert reads(source) == [("", "A", "env"), ("", "B", "env"), ("", "C", "env")]


def test_settings_are_read_by_capital_names() -> None:
    source = "from django.conf import settings\ndef f():\n    return settings.DEBUG, settings.configure\n"
    assert reads(source) == [("f", "DEBUG", "settings")]


@pytest.mark.parametrize(
    "source",
    [
        'class os:\n    environ = {}\nos.environ["KEY"]\n',
        'environ = {}\nenviron["KEY"]\n',
        "import os\nos.environ[name]\n",
        "import os\nos.getenv(f'{x}_KEY')\n",
        "import os\n# os.environ['KEY']\nx = 'os.environ[\"KEY\"]'\n",
        "settings.DEBUG\n",
        "import os\nos.environ['" + "K" * 5000 + "']\n",
    ],
)
def test_what_only_looks_like_a_read_is_none(source: str) -> None:
    assert reads(source) == []


async def test_the_graph_says_where_a_key_is_read(build: Build, folder: Path, asked: Asked) -> None:
    build(
        {"a.py": "import os\n\n\ndef load():\n    return os.environ['HOME'], os.environ['HOME'], os.getenv('PATH')\n"}
    )
    found = await asked("config_reads")
    assert [(row["key"], row["source"], row["read_by"][0]["symbol"]) for row in found["keys"]] == [
        ("HOME", "env", "a.load"), ("PATH", "env", "a.load"),
    ]  # fmt: skip
    assert [row["key"] for row in (await asked("config_reads", "PATH"))["keys"]] == ["PATH"]
    assert (await asked("config_reads", "NONE"))["keys"] == []
