"""The few system calls a sandbox is made of, through ctypes: namespaces, mounts, capabilities, death signals.

Used by ``launcher`` alone, in a process of its own: so only the standard library is imported, and little of it. Linux
from 5.12 on, any architecture: these calls have the same numbers everywhere.
"""

import ctypes
import os

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2

_OPEN_TREE, _MOVE_MOUNT, _OPENAT2, _MOUNT_SETATTR = 428, 429, 437, 442
_O_PATH_CLOEXEC, _RESOLVE_NO_SYMLINKS = 0o12000000, 4
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, 0o2000000
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 4
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system of the kernel's own."""
    told = [text.encode() for text in (source, target, kind, options)]
    _checked(_libc.mount(told[0], told[1], told[2], ctypes.c_ulong(flags), told[3]), f"mount {target}")


def take_tree(path: str, *, writable: bool, devices: bool = False, follow: bool = True) -> int:
    """A detached copy of everything mounted at a path, as a descriptor: read-only unless ``writable``, never set-uid.

    Without ``follow`` no part of the path may be a link: what lies in folders others write could have become one.
    """
    how = (ctypes.c_uint64 * 3)(_O_PATH_CLOEXEC, 0, 0 if follow else _RESOLVE_NO_SYMLINKS)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    found = _checked(_libc.syscall(_OPENAT2, _AT_FDCWD, path.encode(), ctypes.byref(how), size), f"open {path}")
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE | _AT_EMPTY_PATH
    tree = _checked(_libc.syscall(_OPEN_TREE, found, b"", ctypes.c_uint(flags)), f"copy {path}")
    os.close(found)
    attributes = _ATTR_NOSUID | (0 if writable else _ATTR_RDONLY) | (0 if devices else _ATTR_NODEV)
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    within = ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE)
    _checked(
        _libc.syscall(_MOUNT_SETATTR, tree, b"", within, ctypes.byref(wanted), ctypes.c_size_t(32)),
        f"restrict {path}",
    )
    return tree


def put_tree(tree: int, path: str) -> None:
    """Attach what ``take_tree`` took."""
    flags = ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH)
    _checked(_libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, path.encode(), flags), f"attach {path}")
    os.close(tree)


def enter_root(path: str) -> None:
    """Make a mount the root, and let go of the old one."""
    os.chdir(path)
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount the old root")
    os.chdir("/")


def name_host(name: str) -> None:
    """Set the host's name, in this namespace."""
    _checked(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def _control(option: int, value: int) -> int:
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def die_with_parent(signal: int) -> None:
    """Have the kernel send a signal when the parent is gone."""
    _checked(_control(_PR_SET_PDEATHSIG, signal), "PR_SET_PDEATHSIG")


def adopt_orphans() -> None:
    """Become the parent of whatever descendants leave behind."""
    _checked(_control(_PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER")


def gain_nothing_more() -> None:
    """No set-uid program gives this process or its children anything from now on."""
    _checked(_control(_PR_SET_NO_NEW_PRIVS, 1), "PR_SET_NO_NEW_PRIVS")


def give_up_capabilities() -> None:
    """Drop every capability for good; only what the user's id may do is left."""
    for capability in range(64):
        if _control(_PR_CAPBSET_DROP, capability) < 0:
            break  # past the last one this kernel knows
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(nothing)), "capset")


def hide_memory() -> None:
    """Nobody of the same user may look into this process."""
    _checked(_control(_PR_SET_DUMPABLE, 0), "PR_SET_DUMPABLE")


def leave_keyring() -> None:
    """A session keyring of its own, where the kernel has keyrings."""
    numbers = {"x86_64": 250, "aarch64": 219, "riscv64": 219}
    if (number := numbers.get(os.uname().machine)) is not None:
        _libc.syscall(number, ctypes.c_int(1), None)


def seal(path: str) -> None:
    """Make one mount read-only, those within it left as they are."""
    mount("", path, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def raise_loopback() -> None:
    """Switch the loopback interface of a new network namespace on."""
    control = _checked(_libc.socket(2, 2, 0), "socket")  # AF_INET, SOCK_DGRAM
    request = b"lo".ljust(16, b"\0") + b"\x01\0".ljust(24, b"\0")  # struct ifreq with IFF_UP
    _checked(_libc.ioctl(control, ctypes.c_ulong(0x8914), request), "SIOCSIFFLAGS")
    os.close(control)
