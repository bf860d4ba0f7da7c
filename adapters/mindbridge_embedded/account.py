"""Whom the server runs as. PostgreSQL refuses to run as root, so root hands it to a user without rights."""

import os
from pathlib import Path

import attrs

from mindbridge_embedded.errors import EmbeddedPostgresError
from mindbridge_embedded.programs import Programs

NOBODY = 65534

CAP_CHOWN = 0
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_KILL = 5
CAP_SETGID = 6
CAP_SETUID = 7
CAP_SETPCAP = 8

# The launcher needs the user and group changed; the death signal reaches another user's process by CAP_KILL only.
NEEDED_OF_ROOT = {CAP_CHOWN: "CHOWN", CAP_KILL: "KILL", CAP_SETGID: "SETGID", CAP_SETUID: "SETUID"}
SEARCH, READ, READ_AND_RUN = 0o1, 0o4, 0o5


@attrs.frozen(kw_only=True)
class Account:
    """The user and group of the server, and the capability it keeps so that it can reach its files.

    `uid` and `gid` are None where the server runs as the user that started it.
    """

    uid: int | None = None
    gid: int | None = None
    capability: int | None = None

    def own(self, folder: Path) -> None:
        """Make the folder this account's; does nothing where the account is the starter's own."""
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)


def choose_account(*, cluster: Path, programs: Programs) -> Account:
    """The account for the cluster in that folder, which need not exist yet.

    An ordinary user runs it as itself. Root runs it as the folder's owner, or as nobody (65534) if it is new, and lets
    it keep CAP_DAC_READ_SEARCH (CAP_DAC_OVERRIDE where that does not suffice) only if a closed folder such as /root
    bars the way.
    Raises EmbeddedPostgresError when the folder belongs to somebody else or root lacks the capabilities for this.
    """
    owner = cluster.stat(follow_symlinks=False) if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{cluster} belongs to user {owner.st_uid}: start as that user or as root, or choose another directory",
            )
        _demand_name(os.geteuid(), owner)
        return Account()
    if owner is not None and owner.st_uid == 0:
        raise EmbeddedPostgresError(
            f"{cluster} belongs to root, as which PostgreSQL does not run: `chown -R {NOBODY}:{NOBODY} {cluster}`",
        )
    held = _held_capabilities()
    _demand(held)
    _demand_name(NOBODY, owner)
    uid, gid = (owner.st_uid, owner.st_gid or NOBODY) if owner is not None else (NOBODY, NOBODY)
    return Account(uid=uid, gid=gid, capability=_choose_capability(uid, gid, held, cluster, programs))


def _demand_name(uid: int, cluster: os.stat_result | None) -> None:
    import pwd  # noqa: PLC0415 - absent on Windows, where importing this package must still give a clear error

    if cluster is None and uid not in {user.pw_uid for user in pwd.getpwall()}:
        raise EmbeddedPostgresError(
            f"user {uid} has no name on this system, and initdb demands one: `useradd --system --uid {uid} NAME`, or "
            "start as a user who has one",
        )


def _held_capabilities() -> frozenset[int]:
    """What this process may use and may hand on: a capability missing in the bounding set cannot be kept by a child."""
    lines = Path("/proc/self/status").read_text("ascii", errors="replace").splitlines()
    masks = {
        name: int(mask, 16) for name, _, mask in (line.partition(":\t") for line in lines if line.startswith("Cap"))
    }
    both = masks["CapEff"] & masks["CapBnd"]
    return frozenset(number for number in range(64) if both >> number & 1)


def _demand(held: frozenset[int]) -> None:
    missing = [name for number, name in NEEDED_OF_ROOT.items() if number not in held]
    if not held & {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}:
        missing.append("DAC_OVERRIDE")
    if missing:
        raise EmbeddedPostgresError(
            f"root lacks the capabilities {', '.join(missing)} here, so it cannot hand PostgreSQL to another user: "
            f"start as an ordinary user, or grant them (docker: {' '.join('--cap-add ' + name for name in missing)})",
        )


def _choose_capability(uid: int, gid: int, held: frozenset[int], cluster: Path, programs: Programs) -> int | None:
    install = programs.installation
    on_the_way = {*cluster.parents, *install.parents, install, install / "bin"}
    reachable = all(_allows(folder, uid, gid, SEARCH) for folder in on_the_way)
    readable = all(_allows(folder, uid, gid, READ_AND_RUN) for folder in programs.folders)
    runnable = all(_allows(program, uid, gid, READ_AND_RUN) for program in (programs.initdb, programs.postgres))
    if reachable and readable and runnable:
        return None
    # Only CAP_DAC_OVERRIDE runs a program whose own mode forbids it (a wheel installed under umask 077).
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if runnable else (CAP_DAC_OVERRIDE,):
        if {capability, CAP_SETPCAP} <= held:
            return capability
    raise EmbeddedPostgresError(
        f"user {uid} cannot reach {install} or {cluster.parent} through folders closed to it, and root lacks the "
        "capability DAC_OVERRIDE or SETPCAP to let it: put both below folders open to all, or start as another user",
    )


def _allows(path: Path, uid: int, gid: int, rights: int) -> bool:
    status = path.stat()
    if status.st_uid == uid:
        return status.st_mode >> 6 & rights == rights
    shift = 3 if status.st_gid == gid else 0
    return status.st_mode >> shift & rights == rights
