"""What a query server and its children may never do: reach a network, or start a program. Used at the server's start.

A seccomp filter takes away the system calls that make sockets, connect them, and run programs; it holds for every child
and cannot be taken back. Needs no privilege. Where the kernel or the processor is none of those known here nothing is
taken away: file limits (``worker``) then stand alone. It limits neither time nor memory.
"""

import ctypes
import errno
import platform
import struct

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER_AT, _MACHINE_AT = 0, 4  # offsets in the kernel's struct seccomp_data
_X32 = 0x40000000  # x86-64's second table of system calls starts here

# AUDIT_ARCH and numbers of: socket, connect, execve, execveat, ptrace, io_uring_setup (a ring can make sockets too).
_MACHINES = {
    "x86_64": (0xC000003E, (41, 42, 59, 322, 101, 425)),
    "aarch64": (0xC00000B7, (198, 203, 221, 281, 117, 425)),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def forbid_sockets_and_programs() -> bool:
    """Take the calls away from this process and all it will fork; whether that was possible here."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    code = _filter(*machine)
    program = _Program(len(code) // 8, code)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0)


def _filter(machine: int, forbidden: tuple[int, ...]) -> bytes:
    """The BPF program: calls of another machine's table and the forbidden ones fail, all others pass."""
    last = len(forbidden) + 5  # index of the failing return; the allowing one stands before it
    steps = [
        (_LOAD_WORD, 0, 0, _MACHINE_AT),
        (_JUMP_EQUAL, 0, last - 2, machine),
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, last - 4, 0, _X32),
        *((_JUMP_EQUAL, last - at - 5, 0, number) for at, number in enumerate(forbidden)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
