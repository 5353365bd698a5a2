"""The program that starts another one, enclosed or merely kept.

Started as ``starter`` says, in a process of its own (``python -I -S``), so it imports the standard library only, and
little of it. Three processes: the outside stays in our process tree, passes signals on and ends as the program ended;
the inside's first process builds the sandbox and reaps; the program. Whoever of them dies first takes the rest along.
"""

import _signal as signals  # the enums of `signal` cost milliseconds
import os
import resource
import sys

from orchestrator.sandbox import KILL_ALL, kernel

CANNOT_START = 125
"""Exit status when the sandbox could not be made; 127 when the program could not be started in it."""

_PASSED_ON = (
    signals.SIGTERM, signals.SIGINT, signals.SIGHUP, signals.SIGQUIT, signals.SIGUSR1, signals.SIGUSR2,
    signals.SIGWINCH, signals.SIGCONT,
)  # fmt: skip
_HEARD = (*_PASSED_ON, KILL_ALL, signals.SIGCHLD)
_LIMITS = {
    "memory": resource.RLIMIT_DATA, "processes": resource.RLIMIT_NPROC, "files": resource.RLIMIT_NOFILE,
    "file-size": resource.RLIMIT_FSIZE, "cpu": resource.RLIMIT_CPU,
}  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")
_READ_ONLY_PROC = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi")


class Orders:
    """The arguments: flags with their values, ``--``, and the program with its own arguments."""

    def __init__(self, words: list[str]) -> None:
        self.parent = int(words[0])
        self.enclosed = False
        self.network = "none"
        self.scratch_bytes = 64 * 1024 * 1024
        self.home = "/home/sandbox"
        self.cwd = ""
        self.shown: list[tuple[str, str]] = []
        self.links: list[tuple[str, str]] = []
        self.hidden: list[str] = []
        self.limits: list[tuple[int, int]] = []
        self.environment: list[tuple[str, str]] = []
        end = words.index("--")
        self.command = words[end + 1 :]
        for word in words[1:end]:
            self._read(*word.split("=", 1))

    def _read(self, name: str, value: str) -> None:
        if name in _LIMITS:
            self.limits.append((_LIMITS[name], int(value)))
        elif name == "scratch":
            self.scratch_bytes = int(value)
        elif name in ("ro", "folder-ro", "folder-rw"):
            self.shown.append((value, name))
        elif name == "link":
            path, _, target = value.partition("\n")
            self.links.append((path, target))
        elif name == "env":
            key, _, text = value.partition("=")
            self.environment.append((key, text))
        elif name == "hide":
            self.hidden.append(value)
        else:
            setattr(self, name, True if name == "enclosed" else value)


# The outside.


def main() -> None:
    """Start the program; end as it ends."""
    orders = Orders(sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if orders.enclosed:
            _leave_namespaces(orders.network)
        else:
            kernel.adopt_orphans()
        kernel.die_with_parent(KILL_ALL)
        if os.getppid() != orders.parent:
            os._exit(CANNOT_START)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        signals.pthread_sigmask(signals.SIG_BLOCK, _HEARD)
        child = os.fork()
    except OSError as error:
        _refuse(error)
    if not child:
        os.close(reader)
        _inside(orders, writer) if orders.enclosed else _run(orders)
    os.close(writer)
    _drop_standard_streams()
    status = _watch(child, enclosed=orders.enclosed)
    if not orders.enclosed:  # from an inside the kernel has removed everybody with its first process
        _end_orphans()
    told = os.read(reader, 64).strip()
    _end_like(int(told) if told else status)


def _leave_namespaces(network: str) -> None:
    """New namespaces, in which this user is the same user; the one of mounts is the inside's own affair."""
    user, group = os.getuid(), os.getgid()
    if user == 0:
        os.setgroups([])
    flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC
    flags |= kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
    kernel.unshare(flags if network == "full" else flags | kernel.CLONE_NEWNET)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def _watch(child: int, *, enclosed: bool) -> int:
    """Wait for our child, passing signals on: to the first process inside, or to the program and its group."""
    while True:
        number = signals.sigwait(_HEARD)
        if number == signals.SIGCHLD:
            pid, status = 1, 0
            while pid:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == child:
                    return status
        elif number == KILL_ALL:
            _send(child, signals.SIGKILL)
        else:
            _send(child if enclosed else -child, number)


def _end_orphans() -> None:
    """Kill every descendant that is left; they have all become our children, or become so as their parents die."""
    while True:
        for pid in _children():
            _send(pid, signals.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:  # a kernel without this file: look at every process
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _parent_of(pid) == me]


def _parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signals.SIGKILL:
            signals.signal(number, signals.SIG_DFL)
            signals.pthread_sigmask(signals.SIG_UNBLOCK, (number,))
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


# The inside.


def _inside(orders: Orders, writer: int) -> None:
    """The first process of the sandbox: builds it, starts the program, reaps, and tells how the program ended."""
    try:
        kernel.die_with_parent(signals.SIGKILL)
        os.write(writer, b" ")  # fails where the outside died before the line above
        os.setsid()
        _build(orders)
        kernel.leave_keyring()
        kernel.gain_nothing_more()
        kernel.give_up_capabilities()
        kernel.hide_memory()
        program = os.fork()
    except OSError as error:
        _refuse(error)
    if not program:
        os.setsid()
        _run(orders)
    _drop_standard_streams()
    while True:
        number = signals.sigwait(_HEARD)
        if number != signals.SIGCHLD:
            _send(-program, number)
            continue
        pid = 1
        while pid:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == program:
                os.write(writer, str(status).encode())
                os._exit(0)


def _build(orders: Orders) -> None:
    """The file tree, the host's name and the kernel's limits."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    devices = [(f"/dev/{name}", kernel.take_tree(f"/dev/{name}", writable=True, devices=True)) for name in _DEVICES]
    shown = [
        (path, kernel.take_tree(path, writable=how == "folder-rw", follow=how == "ro")) for path, how in orders.shown
    ]
    root = "/usr"  # any folder will do: what is needed of the old tree is held open by now
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
    kernel.mount("proc", _folder(root + "/proc"), "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.enter_root(root)
    _scratch(orders)
    for path, tree in (*devices, *shown):
        _attach(path, tree)
    for path, target in orders.links:
        if not os.path.lexists(path):
            _folder(os.path.dirname(path))
            os.symlink(target, path)
    _hide(orders.hidden)
    _terminals()
    _link_devices()
    _restrict(orders)
    kernel.name_host("sandbox")


def _scratch(orders: Orders) -> None:
    """What may be written and is gone afterwards: /tmp, the home, shared memory; each of a bounded size."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    for path, mode in (("/tmp", "1777"), (orders.home, "700"), ("/dev/shm", "1777")):  # noqa: S108
        kernel.mount("tmpfs", _folder(path), "tmpfs", flags, f"mode={mode},size={orders.scratch_bytes}")
    for path in ("/run", "/etc", "/var"):
        _folder(path)
    os.symlink("/tmp", "/var/tmp")  # noqa: S108
    user, group = os.getuid(), os.getgid()
    _write("/etc/passwd", f"sandbox:x:{user}:{group}::{orders.home}:/bin/sh\n")
    _write("/etc/group", f"sandbox:x:{group}:\n")
    _write("/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n")


def _attach(path: str, tree: int) -> None:
    if not os.path.exists(path):
        if _is_folder(tree):
            _folder(path)
        else:
            _folder(os.path.dirname(path))
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    kernel.put_tree(tree, path)


def _is_folder(descriptor: int) -> bool:
    return os.fstat(descriptor).st_mode & 0o170000 == 0o040000


def _hide(paths: list[str]) -> None:
    """Cover what lies within something shown and must not be seen: a folder by an empty one, a file by nothing."""
    for path in paths:
        if os.path.isdir(path):
            kernel.mount(
                "tmpfs", path, "tmpfs", kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV, "mode=555,size=4k"
            )
        elif os.path.exists(path):
            kernel.put_tree(kernel.take_tree("/dev/null", writable=False, devices=True), path)


def _terminals() -> None:
    """Terminals of its own, and none of ours: agents run their commands in one."""
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    kernel.mount("devpts", _folder("/dev/pts"), "devpts", flags, "newinstance,ptmxmode=0666,mode=620,max=64")
    os.symlink("pts/ptmx", "/dev/ptmx")


def _link_devices() -> None:
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")


def _restrict(orders: Orders) -> None:
    """No sandbox in the sandbox, few processes, and the kernel's own settings read-only."""
    if orders.network == "loopback":
        kernel.raise_loopback()
    _write("/proc/sys/user/max_user_namespaces", "0")
    most = dict(orders.limits).get(resource.RLIMIT_NPROC)
    if most is not None and os.getuid() == 0:
        # RLIMIT_NPROC does not bind root. From Linux 6.14 on a pid namespace has a limit of its own, of 301 at least.
        # An older kernel refuses: there the limit cannot be had, as the guide says.
        _may_write("/proc/sys/kernel/pid_max", str(max(301, most + 2)))
    for name in _READ_ONLY_PROC:
        path = f"/proc/{name}"
        if os.path.exists(path):
            kernel.put_tree(kernel.take_tree(path, writable=False), path)
    kernel.seal("/")


# The program.


def _run(orders: Orders) -> None:
    """Become the program."""
    try:
        if not orders.enclosed:
            os.setpgid(0, 0)
            kernel.die_with_parent(signals.SIGKILL)
        for which, most in orders.limits:
            hard = resource.getrlimit(which)[1]
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(which, (least, least))
        for number in (signals.SIGPIPE, signals.SIGXFSZ):
            signals.signal(number, signals.SIG_DFL)
        signals.pthread_sigmask(signals.SIG_SETMASK, ())
        os.chdir(orders.cwd or orders.home if orders.enclosed else orders.cwd or ".")
        os.execve(orders.command[0], orders.command, {**os.environ, **dict(orders.environment)})  # noqa: S606
    except OSError as error:
        _refuse(error, 127)


# Small things.


def _folder(path: str) -> str:
    os.makedirs(path, mode=0o755, exist_ok=True)
    return path


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _may_write(path: str, text: str) -> bool:
    try:
        _write(path, text)
    except PermissionError:
        return False
    return True


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _drop_standard_streams() -> None:
    """Only the program holds its pipes, so that its end is seen."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _refuse(error: OSError, status: int = CANNOT_START) -> None:
    os.write(2, f"sandbox: {error}\n".encode())
    os._exit(status)
