"""What a worker ends with an attempt, and what it leaves: shown in a process of its own, whose children it may end."""

import json
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import json, os, subprocess, sys
from orchestrator.core.child_process import OUTLIVES_ATTEMPTS
from orchestrator.jobqueue.forking import _end_orphans
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
left = subprocess.Popen(sleep)
shared = subprocess.Popen(sleep, env=os.environ | {OUTLIVES_ATTEMPTS: "yes"})
_end_orphans()
print(json.dumps([os.path.exists(f"/proc/{left.pid}"), os.path.exists(f"/proc/{shared.pid}")]))
shared.kill()
shared.wait()
"""


def test_what_an_attempt_left_is_ended_and_what_others_share_is_not() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [False, True], "the one left behind, the one that is shared"
