"""Children's messages can go to files, each to its own, that do not grow for ever."""

import os
import sys
from pathlib import Path

import pytest

from orchestrator.cli.start import supervisor as module
from orchestrator.cli.start.supervisor import Supervisor
from orchestrator.embedded.processes import wait_until

_CODE = "import sys; print('out'); print('err', file=sys.stderr)"


async def test_what_a_child_writes_goes_to_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_LOG", 4)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "one-child.log").write_text("of yesterday")
    made = Supervisor(os.environ, lambda _: None, logs)
    child = await made.start("one child", [sys.executable, "-u", "-c", _CODE])

    async def ended() -> bool:
        return child.ends > 0

    assert await wait_until(ended, 20)
    await made.stop()
    assert (logs / "one-child.old.log").read_text() == "of yesterday"
    assert (logs / "one-child.log").read_text() == "out\nerr\n"
