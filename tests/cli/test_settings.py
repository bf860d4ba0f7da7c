"""Settings: from variables and a file, every finding at once, no secret shown."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from mindbridge_cli.compose import compose
from mindbridge_cli.settings import Settings, SettingsRefused, load_settings, unknown_variables, variable
from mindbridge_cli.settings_table import markdown_table, shown
from mindbridge_core import Ports
from mindbridge_core.identity import AccountLinks
from mindbridge_notify import ConsoleNotifier, NoNotifier, SmtpNotifier, SmtpSecurity, SmtpSettings
from mindbridge_security import KeyRing
from tests.cli.conftest import Run

SECRET = "hunter2-hunter2"
URL = f"postgresql://app:{SECRET}@db:5432/mindbridge?password={SECRET}"


def test_without_anything_set_every_default_is_the_safe_one() -> None:
    settings = load_settings()
    assert ("127.0.0.1", False, False, ()) == (
        settings.host,
        settings.behind_tls,
        settings.allow_plain_http,
        settings.cors_origins,
    )


def test_no_secret_has_a_default() -> None:
    secrets = [field for field in attrs.fields(Settings) if field.metadata["form"].secret]
    assert {"ai_api_key", "database_url", "owner_database_url", "key_ring", "smtp_password", "throttle_redis"} == {
        field.name for field in secrets
    }
    assert [None] * 6 == [field.default for field in secrets]


def test_variables_win_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "mindbridge.toml"
    config.write_text('port = 9001\nworkers = 3\ncors_origins = ["https://a.example"]\nkey_ring_file = "keys.json"\n')
    monkeypatch.setenv("MINDBRIDGE_PORT", "9002")
    settings = load_settings(config)
    assert (9002, 3, ("https://a.example",)) == (settings.port, settings.workers, settings.cors_origins)


def test_every_finding_is_told_at_once_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORT": SECRET,
        "WORKERS": "0",
        "DATABASE_URL": f"mysql://app:{SECRET}@db/x",
        "BEHIND_TLS": SECRET,
        "LOG_LEVEL": "loud",
        "CORS_ORIGINS": "https://a.example/path",
        "SESSION_ABSOLUTE_HOURS": "169",
        "HOST": "no host",
        "APPLICATION_ROLE": "a;b",
        "LINKS_URL": "http://clinic.example/app",
        "SMTP_SENDER": "MindBridge <noreply@clinic.example>",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(f"MINDBRIDGE_{name}", value)
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    assert {f"MINDBRIDGE_{name}" for name in wrong} == {
        found.partition("(")[2].partition(")")[0] for found in refused.value.findings
    }
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        ({"KEY_RING": "{}", "KEY_RING_FILE": "k"}, "key_ring and key_ring_file: give one of the two"),
        ({"NOTIFY": "smtp", "SMTP_HOST": "mail"}, "notify: smtp needs smtp_host and smtp_sender"),
        ({"SMTP_USERNAME": "mb"}, "smtp_username and smtp_password: give both or none"),
        ({"POOL_MIN": "9", "POOL_MAX": "8"}, "pool_min: must not be more than pool_max"),
        (
            {"SESSION_IDLE_MINUTES": "61", "SESSION_ABSOLUTE_HOURS": "1"},
            "session_idle_minutes: must not be more than session_absolute_hours",
        ),
    ],
)
def test_settings_that_contradict_one_another_are_refused(
    settings: dict[str, str], finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"MINDBRIDGE_{name}", value)
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    assert (finding,) == refused.value.findings


@pytest.mark.parametrize(
    ("content", "says"),
    [("prot = 1", "prot"), ("port = ", "mindbridge.toml: Invalid value"), ("port = true", "port (MINDBRIDGE_PORT)")],
)
def test_a_file_with_unknown_or_broken_content_is_refused(tmp_path: Path, content: str, says: str, run: Run) -> None:
    config = tmp_path / "mindbridge.toml"
    config.write_text(content)
    ended = run("--config", str(config), "config", "--show")
    assert 2 == ended.exit_code
    assert says in ended.stderr


def test_an_empty_variable_is_as_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDBRIDGE_KEY_RING", "")
    assert load_settings().key_ring is None


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDBRIDGE_DATABSE_URL", SECRET)
    assert ["MINDBRIDGE_DATABSE_URL is no setting: did you mean MINDBRIDGE_DATABASE_URL?"] == unknown_variables()


def test_config_shows_all_settings_with_secrets_masked(run: Run) -> None:
    ended = run("config", "--show", "--json", database_url=URL, key_ring=SECRET)
    content = json.loads(ended.stdout)
    assert {field.name for field in attrs.fields(Settings)} == content.keys()
    assert "postgresql://app:***@db:5432/mindbridge" == content["database_url"]
    assert "***" == content["key_ring"]
    assert SECRET not in ended.output + run("config", "--show").output


def test_neither_repr_nor_table_shows_a_secret() -> None:
    settings = Settings(database_url=URL, owner_database_url=URL, key_ring=SECRET)
    assert SECRET not in repr(settings) + json.dumps(shown(settings))


def test_the_table_has_a_row_for_every_setting(run: Run) -> None:
    table = markdown_table()
    assert table == run("config", "--markdown").output
    rows = table.splitlines()[2:]
    assert [f"| `{variable(field.name)}` " for field in attrs.fields(Settings)] == [
        row.partition("| ")[0] + "| " + row.split("| ")[1] for row in rows
    ]


def test_settings_reach_what_they_set() -> None:
    settings = Settings(
        database_url="postgresql://app:x@127.0.0.1:1/x",
        access_minutes=5,
        session_idle_minutes=4,
        session_absolute_hours=1,
        lockout_attempts=3,
        statement_timeout_ms=1500,
        pool_min=0,
    )
    product = compose(settings, KeyRing.generate())
    product.database.close()
    limits = product.core.ports.session_limits
    assert (300, 240, 3600) == tuple(
        int(span.total_seconds()) for span in (limits.access, limits.idle, limits.absolute)
    )
    assert 3 == product.core.ports.lockout.limit
    assert 1.5 == product.database.settings.statement


def test_messages_leave_as_they_were_asked_to_and_by_default_not_at_all() -> None:
    mail = Settings(
        database_url="postgresql://app:x@127.0.0.1:1/x",
        pool_min=0,
        notify="smtp",
        smtp_host="mail.example",
        smtp_port=465,
        smtp_security="tls",
        smtp_username="mindbridge",
        smtp_password=SECRET,
        smtp_sender="noreply@mail.example",
        smtp_timeout_seconds=3,
        links_url="https://clinic.example/app/",
        invitation_hours=24,
        reset_minutes=15,
    )
    ports = [of(mail), of(attrs.evolve(mail, notify="console")), of(attrs.evolve(mail, notify="none"))]
    expected = SmtpSettings(
        host="mail.example",
        port=465,
        security=SmtpSecurity.TLS,
        username="mindbridge",
        password=SECRET,
        sender="noreply@mail.example",
        timeout=3,
    )
    assert [SmtpNotifier(expected), ConsoleNotifier(), NoNotifier()] == [one.notifier for one in ports]
    links = AccountLinks(base="https://clinic.example/app", invitation=timedelta(hours=24), reset=timedelta(minutes=15))
    assert links == ports[0].account_links
    assert "none" == Settings().notify
    assert SECRET not in json.dumps(shown(mail))


def of(settings: Settings) -> Ports:
    product = compose(settings, KeyRing.generate())
    product.database.close()
    return product.core.ports
