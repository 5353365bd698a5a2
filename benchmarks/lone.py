"""``python -m benchmarks.lone CORES COMMAND…``: runs a command on some cores and prints what it cost, as JSON.

A small process of its own stands between a benchmark and what it measures: Linux hands the peak memory of who starts a
program down to the program's ``ru_maxrss``, so a large benchmark would read its own. Used by benchmarks only.
"""

import json
import os
import subprocess
import sys
import time


def main(cores: str, *command: str) -> int:
    """Run it with our stdin; its output is not read. Returns its exit code."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")} & allowed or allowed)
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - began,
        "megabytes": usage.ru_maxrss / 1024,
    }
    print(json.dumps(cost))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
