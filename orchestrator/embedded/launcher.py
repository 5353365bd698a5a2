"""A program of its own that starts a server which must outlive whoever asked for it.

Run by ``processes.py`` as ``python -I -S launcher.py detach|run LOG UID GID CWD argv…``; imports nothing of ours.
``detach`` forks, opens a session (so that Ctrl-C does not reach the server), sends output to LOG and prints the new
pid; ``run`` only changes the account. PostgreSQL refuses to run as root, so for root the account becomes UID (``-``
keeps it) while the one capability that lets it pass the folders of root (below ``/root``, say) is kept: nothing has
to be opened to the world.
"""

import ctypes
import os
import sys

_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP = 28, 4
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def become(uid: int, gid: int) -> None:
    """Change to an account for good, keeping CAP_DAC_OVERRIDE over the exec that follows. Linux, as root."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    # access(), by which PostgreSQL looks at its own programs, forgets an account's capabilities unless told not to.
    _check(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "keep CAP_DAC_OVERRIDE in access()")
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _check(libc.capset(header, data), "keep CAP_DAC_OVERRIDE")
    _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0), "pass CAP_DAC_OVERRIDE on")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {what}: {os.strerror(number)}")


def _detach(log: str) -> None:
    """Leave the caller: only the grandchild returns, in a session of its own, writing to ``log``."""
    pid = os.fork()
    if pid:
        print(pid, flush=True)  # noqa: T201  the answer the caller reads
        os._exit(0)
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def main(arguments: list[str]) -> None:
    """Start what the arguments say; never returns."""
    mode, log, uid, gid, cwd, *argv = arguments
    if mode == "detach":
        _detach(log)
    os.umask(0o077)
    if uid != "-":
        become(int(uid), int(gid))
    os.chdir(cwd)
    os.execv(argv[0], argv)  # noqa: S606  no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
