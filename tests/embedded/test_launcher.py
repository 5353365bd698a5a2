"""The account a server gets for root: it may pass root's own folders, also where programs ask before they try."""

import os
import sys
from pathlib import Path

import pytest

from orchestrator.embedded.processes import Account, run

_LOOK = "import os, sys; print(os.getuid(), os.access(sys.argv[1], os.R_OK | os.X_OK))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")
async def test_a_program_in_a_folder_of_roots_own_can_be_looked_at(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("")
    program.chmod(0o755)
    said = await run(
        [sys.executable, "-c", _LOOK, str(program)], account=Account(65534, 65534), cwd=tmp_path, seconds=20
    )
    assert said.split() == ["65534", "True"]
