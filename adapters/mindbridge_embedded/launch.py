"""Turns its own process into the program it is told to run, as another user and bound to its parent's life.

Run as a script, `python -I -S launch.py ORDERS PROGRAM ARGUMENT...`, never imported: with -I -S nothing but the
standard library is on its path. A process of its own, not a `preexec_fn`, because Python code between fork and exec may
deadlock in a program with threads.

ORDERS is JSON: `parent`, the process whose death brings the signal `last_signal`; `uid` and `gid`, the user and group
to become, or null; `capability`, the number (linux/capability.h) of the one to keep meanwhile, or null.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522

# Nothing of the starter's environment reaches the server: there may be keys in it.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def become_user(uid: int, gid: int, capability: int | None) -> None:
    """Give up root for this user and group, keeping one capability at most; OSError if the system refuses."""
    if capability is not None:
        _prctl(PR_SET_KEEPCAPS, 1)
        # Without this access(2), by which initdb judges its programs, disregards the capabilities of all but root.
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability is not None:
        _keep_only(capability)
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def die_with(parent: int, last_signal: int) -> None:
    """Receive `last_signal` when the parent dies. Every change of user or capability undoes this, so it comes last."""
    _prctl(PR_SET_PDEATHSIG, last_signal)
    if os.getppid() != parent:
        sys.exit("the process that started this server is gone")


def _keep_only(capability: int) -> None:
    word, bit = divmod(capability, 32)
    sets = [0] * 6  # effective, permitted, inheritable of the low word; the same of the high word
    sets[word * 3 : word * 3 + 3] = [1 << bit] * 3
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _succeed(ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)(*sets)), "capset")


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, *[0] * (4 - len(values)))]
    _succeed(ctypes.CDLL(None, use_errno=True).prctl(ctypes.c_int(option), *arguments), f"prctl({option})")


def _succeed(returned: int, call: str) -> None:
    if returned != 0:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")


def main(told: str, command: list[str]) -> NoReturn:
    """Follow the orders and become the command; what goes wrong is written to standard error."""
    order = json.loads(told)
    try:
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the rows in memory
        if order["uid"] is not None:
            become_user(order["uid"], order["gid"], order["capability"])
        # A starter run in the background of a shell ignores these, and would hand that on.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        die_with(order["parent"], order["last_signal"])
        os.execve(command[0], command, ENVIRONMENT)  # noqa: S606 - becoming this command is the script's purpose
    except OSError as error:
        sys.exit(f"cannot become uid {order['uid']} and run {command[0]}: {error}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
