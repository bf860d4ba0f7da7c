"""Each command by its exit code, its one JSON document, and what it says to people."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import mindbridge_migrations
from mindbridge_cli.program import COMMANDS
from mindbridge_cli.readiness import behind, newest_revision, revisions
from mindbridge_core import Origin, Role, SessionClaim
from mindbridge_core.errors import AccountTokenRefused
from mindbridge_core.identity import Credentials, Redemption
from mindbridge_core.validation import parse
from mindbridge_security import KeyRing, TokenAlgorithm
from tests.cli.conftest import Run
from tests.cli.demos import command
from tests.support.postgres import TestDatabase, TestServer
from tests.support.product import Product, compose

PASSWORD = "a lantern over nine quiet rivers"
ADMIN = ("admin", "create", "--organization", "Oak", "--clinic", "North", "--email", "ana@example.org")
ANA = (*ADMIN, "--full-name", "Ana Admin")


@pytest.mark.parametrize(
    "names",
    [
        *((name,) for name in COMMANDS),
        ("db", "upgrade"),
        ("db", "downgrade"),
        ("db", "current"),
        ("db", "check"),
        ("admin", "create"),
        ("admin", "invite"),
        ("admin", "reset-mfa"),
        ("audit", "checkpoint"),
        ("audit", "checkpoint-key"),
        ("audit", "export"),
        ("audit", "public-key"),
        ("audit", "verify"),
        ("keys", "generate"),
        ("keys", "status"),
    ],
)
def test_every_command_explains_itself(names: tuple[str, ...], run: Run) -> None:
    ended = run(*names, "--help")
    assert 0 == ended.exit_code
    assert ended.stdout.startswith(f"Usage: mindbridge {' '.join(names)}")


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("db", "nonsense"), ("demo", "--port", "65536"), ("config",), ("admin", "create")]
)
def test_wrong_usage_exits_with_2_and_says_nothing_on_standard_output(arguments: tuple[str, ...], run: Run) -> None:
    ended = run(*arguments)
    assert (2, "") == (ended.exit_code, ended.stdout)


def test_without_the_extra_the_command_says_what_to_install_and_shows_no_traceback() -> None:
    program = "import sys; sys.modules['click'] = None; import mindbridge_cli; mindbridge_cli.main()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    says = "mindbridge needs the extra 'cli': pip install 'mindbridge-core[all]'\n"
    assert (1, "", says) == (ended.returncode, ended.stdout, ended.stderr)


def test_with_the_extra_it_runs() -> None:
    ended = subprocess.run(command("--version"), capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (ended.returncode, ended.stderr)


def test_a_key_ring_is_written_for_its_owner_alone_and_never_over_another(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "keys.json"
    ended = run("keys", "generate", "--out", str(out), "--token-algorithm", "EdDSA")
    assert (0, "") == (ended.exit_code, ended.stdout)
    assert 0o600 == stat.S_IMODE(out.stat().st_mode)
    before = out.read_bytes()
    assert [TokenAlgorithm.EDDSA] == [key.algorithm for key in KeyRing.load(out).token_keys.values()]
    again = run("keys", "generate", "--out", str(out))
    assert 1 == again.exit_code
    assert "There is a key ring" in again.stderr
    assert before == out.read_bytes()


def test_without_a_file_the_key_ring_goes_to_standard_output_alone(run: Run) -> None:
    ended = run("keys", "generate")
    assert KeyRing.parse(ended.stdout).text() == ended.stdout


def test_status_names_the_keys_and_shows_none(run: Run, key_ring: Path) -> None:
    ring = KeyRing.load(key_ring)
    ended = run("keys", "status", "--json", key_ring_file=str(key_ring))
    assert [{"id": ring.current_master_key, "current": True}] == json.loads(ended.stdout)["master_keys"]
    secret = json.loads(ring.text())["master_keys"][0]["key"]
    assert secret not in ended.output + run("keys", "status").output


def test_status_of_a_ring_that_others_can_read_is_refused(run: Run, key_ring: Path) -> None:
    key_ring.chmod(0o644)
    ended = run("keys", "status", key_ring_file=str(key_ring))
    assert 1 == ended.exit_code
    assert "chmod 600" in ended.stderr
    assert 2 == run("keys", "status", key_ring_file="").exit_code


def logs_in(served: dict[str, str], email: str) -> Role:
    """The role with which an account made by a command acts."""
    product = compose_served(served)
    try:
        pair = product.core.log_in(parse(Credentials, {"email": email, "password": PASSWORD}), Origin())
        claim: SessionClaim = product.core.ports.access_tokens.read(
            pair.access_token, product.core.ports.clock(), Origin()
        )
        return product.core.view_self(claim).role
    finally:
        product.database.close()


def compose_served(served: dict[str, str]) -> Product:
    from mindbridge_postgres import PoolSettings  # noqa: PLC0415 - for this helper alone

    return compose(served["database_url"], KeyRing.load(Path(served["key_ring_file"])), PoolSettings())


def accept(served: dict[str, str], invitation: str) -> None:
    """Choose `PASSWORD` with an invitation that a command printed."""
    product = compose_served(served)
    try:
        product.core.accept_invitation(Redemption(token=invitation, password=PASSWORD), Origin())
    finally:
        product.database.close()


def test_the_first_administrator_is_invited_and_chooses_the_password(run: Run, served: dict[str, str]) -> None:
    ended = run(*ANA, "--json", **served)
    assert 0 == ended.exit_code, ended.stderr
    made = json.loads(ended.stdout)
    assert {"clinic_id", "user_id", "email", "invitation", "expires_at"} == made.keys()
    accept(served, made["invitation"])
    assert Role.ADMIN is logs_in(served, "ana@example.org")
    again = run(*ANA)
    assert (1, "") == (again.exit_code, again.stdout)
    assert "already belongs to an account" in again.stderr


def test_an_invitation_is_printed_again_until_it_is_accepted(run: Run, served: dict[str, str]) -> None:
    first = json.loads(run(*ANA, "--json", **served).stdout)["invitation"]
    shown = run("admin", "invite", "--email", " ANA@example.org ")
    assert 0 == shown.exit_code, shown.stderr
    second = shown.stdout.splitlines()[1].rpartition(" ")[2]
    with pytest.raises(AccountTokenRefused):
        accept(served, first)
    accept(served, second)
    assert Role.ADMIN is logs_in(served, "ana@example.org")
    late = run("admin", "invite", "--email", "ana@example.org")
    assert (1, "") == (late.exit_code, late.stdout)
    assert "accepted before" in late.stderr
    nobody = run("admin", "invite", "--email", "nobody@example.org")
    assert (1, "") == (nobody.exit_code, nobody.stdout)


def test_everything_wrong_in_the_options_is_told_at_once(run: Run) -> None:
    wrong = ("--npi", "1234567890", "--timezone", "Mars/Olympus")
    ended = run(*ADMIN[:-1], "no e-mail", "--full-name", " ", *wrong)
    assert 2 == ended.exit_code
    for option in ("--npi", "--timezone", "--email", "--full-name"):
        assert option in ended.stderr


@pytest.fixture
def empty(postgres_server: TestServer) -> TestDatabase:
    return postgres_server.database()


def test_a_database_is_brought_up_checked_and_taken_back(run: Run, empty: TestDatabase) -> None:
    owner = {"owner_database_url": empty.owner_url}
    head = mindbridge_migrations.head()
    assert {"current": None, "head": head} == json.loads(run("db", "current", "--json", **owner).stdout)
    assert 3 == run("db", "check").exit_code
    for _ in range(2):
        ended = run("db", "upgrade")
        assert 0 == ended.exit_code, ended.stderr
    checked = run("db", "check", "--json")
    assert (0, True, []) == (checked.exit_code, *(json.loads(checked.stdout)[key] for key in ("ok", "findings")))
    assert (
        f"{head} (newest: {head})\n"
        == run("db", "current", owner_database_url="", database_url=empty.application_url).stdout
    )
    run("db", "current", **owner)
    assert 1 == run("db", "downgrade", "base", stdin="n\n").exit_code
    assert 0 == run("db", "downgrade", "base", "--yes").exit_code
    behind_now = run("db", "check", "--json")
    assert (3, False) == (behind_now.exit_code, json.loads(behind_now.stdout)["ok"])


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("ALTER TABLE patients DROP COLUMN mrn_index CASCADE", "mrn_index"),
        ("REVOKE INSERT ON sessions FROM mindbridge_app", "mindbridge_app may not INSERT sessions"),
    ],
)
def test_a_database_that_was_tampered_with_is_found(
    statement: str, finding: str, run: Run, database: TestDatabase
) -> None:
    import psycopg  # noqa: PLC0415 - for this test alone

    with psycopg.connect(database.superuser_url) as superuser:
        superuser.execute(statement.encode())
    ended = run("db", "check", owner_database_url=database.owner_url)
    assert 3 == ended.exit_code
    assert finding in ended.stdout


def test_a_missing_application_role_is_refused(run: Run, empty: TestDatabase) -> None:
    ended = run("db", "upgrade", owner_database_url=empty.owner_url, application_role="absent_role")
    assert 1 == ended.exit_code
    assert "there is no role 'absent_role'" in ended.stderr


def test_without_an_owner_s_address_the_commands_say_what_to_set(run: Run) -> None:
    ended = run("db", "upgrade")
    assert (2, "") == (ended.exit_code, ended.stdout)
    assert "MINDBRIDGE_OWNER_DATABASE_URL" in ended.stderr


def test_a_database_that_does_not_answer_is_told_in_a_line_without_the_password(run: Run) -> None:
    ended = run("db", "current", database_url="postgresql://app:hunter2@127.0.0.1:1/x")
    assert 1 == ended.exit_code
    assert "Connection refused" in ended.stderr
    assert "hunter2" not in ended.stderr
    assert 2 == len(ended.stderr.splitlines()) or 1 == len(ended.stderr.splitlines())


def test_the_revisions_read_from_files_are_those_that_alembic_knows() -> None:
    assert mindbridge_migrations.head() == newest_revision()
    assert "0001" in revisions()


@pytest.mark.parametrize(
    ("current", "lacks"), [(None, True), ("0001", True), (newest_revision(), False), ("9999", False)]
)
def test_an_older_database_lacks_something_and_a_later_release_s_does_not(current: str | None, *, lacks: bool) -> None:
    assert lacks is behind(current)
