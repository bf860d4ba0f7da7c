"""What the command line can be told, by `MINDBRIDGE_*` variables or a TOML file; every default is the safe one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import attrs
import typed_settings
from typed_settings.exceptions import InvalidSettingsError, TsError

from mindbridge_anthropic import DEFAULT_MODEL
from mindbridge_cli.forms import (
    address,
    file,
    flag,
    hour,
    mailbox,
    many,
    number,
    one_of,
    origin,
    page,
    redis_address,
    secret_text,
    setting,
    sink,
    syslog_address,
    text,
    whole,
)

__all__ = ["LOG_LEVELS", "PREFIX", "Settings", "SettingsRefused", "load_settings", "variable"]

PREFIX: Final = "MINDBRIDGE_"
NOTIFIERS: Final = ("none", "console", "smtp")
SMTP_SECURITY: Final = ("starttls", "tls", "plain")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_REFUSED_OPTION: Final = re.compile(r"Could not convert value .* for option '(\w+)' from loader ", re.DOTALL)


class SettingsRefused(ValueError):
    """Settings that cannot be used; `findings` says of each what it takes, never what was given."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = tuple(findings)


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set. No secret has a default."""

    database_url: str | None = setting("The database, as the application's role.", address(), secret=True)
    owner_database_url: str | None = setting(
        "The database, as the owner of its tables: for `db`, `keys rotate` and `keys retire` alone, never for `serve`.",
        address(),
        secret=True,
    )
    application_role: str = setting(
        "The role that `db upgrade` gives the application's rights.", text("role"), default="mindbridge_app"
    )
    key_ring_file: Path | None = setting(  # noqa: RUF009 - an attrs field, and no state that instances would share
        "The key ring's file, mode 0600. Make it with `keys generate`.", file()
    )
    checkpoint_key_file: Path | None = setting(  # noqa: RUF009 - likewise
        "The key that signs checkpoints, mode 0600: for `audit checkpoint` alone. Make it with `audit checkpoint-key`.",
        file(),
    )
    key_age_days: int = setting(
        "After how many days `doctor` says that a master key or a clinic's data key is to be rotated.",
        whole(1, 36_500),
        default=365,
    )
    key_ring: str | None = setting(
        "The key ring itself, instead of a file.", secret_text("a key ring's text"), secret=True
    )

    host: str = setting("The address that `serve` listens on.", text("host"), default="127.0.0.1")
    port: int = setting("The port that `serve` listens on.", whole(1, 65_535), default=8000)
    behind_tls: bool = setting(
        "Whether a proxy in front ends TLS. Answers then promise HTTPS (HSTS).", flag(), default=False
    )
    allow_plain_http: bool = setting(
        "Serve other machines without TLS: for trials in a closed network only.", flag(), default=False
    )
    trusted_proxies: int = setting(
        "How many proxies in front set X-Forwarded-For; the client's address is taken from there.",
        whole(0, 8),
        default=0,
    )
    cors_origins: tuple[str, ...] = setting(
        "Web origins whose scripts may read answers.",
        many("origins such as https://app.example.org, with commas between", origin),
        default=(),
    )
    body_limit_bytes: int = setting("The longest request body.", whole(1024, 16_777_216), default=65_536)
    import_limit_bytes: int = setting(
        "The longest file of patients that a request may bring; it is held in memory.",
        whole(1024, 268_435_456),
        default=33_554_432,
    )

    workers: int = setting("Server processes.", whole(1, 64), default=2)
    threads: int = setting("Requests that each process works on at once.", whole(1, 64), default=4)
    streams: int = setting(
        "Streams of events that each process keeps open at once, each with a thread of its own beside those; more get"
        " 503.",
        whole(0, 256),
        default=8,
    )
    keepalive_seconds: int = setting("How long an idle connection is kept.", whole(1, 300), default=5)
    worker_timeout_seconds: int = setting("After how long a hung process is replaced.", whole(5, 600), default=30)
    graceful_timeout_seconds: int = setting(
        "How long requests in flight may take when the server stops.", whole(1, 600), default=30
    )
    start_timeout_seconds: float = setting(
        "How long `serve` waits for the database when it starts.", number(0, 600), default=30.0
    )

    pool_min: int = setting("Database connections that each process keeps open.", whole(0, 100), default=1)
    pool_max: int = setting("Database connections that each process may open.", whole(1, 100), default=8)
    pool_wait_seconds: float = setting(
        "How long a request waits for a connection, then 503.", number(0.1, 60), default=5.0
    )
    connect_timeout_seconds: int = setting("How long connecting may take.", whole(2, 60), default=5)
    statement_timeout_ms: int = setting("How long a statement may take.", whole(100, 600_000), default=10_000)
    lock_timeout_ms: int = setting("How long a statement may wait for a lock.", whole(100, 600_000), default=5_000)
    idle_in_transaction_timeout_ms: int = setting(
        "How long an open transaction may stand idle.", whole(100, 600_000), default=30_000
    )

    argon2_time_cost: int = setting("Passes of argon2id over its memory.", whole(1, 100), default=2)
    argon2_memory_kib: int = setting("Memory of one argon2id hash, in KiB.", whole(1024, 4_194_304), default=19_456)
    argon2_parallelism: int = setting("Lanes of one argon2id hash.", whole(1, 64), default=1)

    access_minutes: float = setting("How long an access token is good.", number(1, 60), default=30.0)
    session_idle_minutes: float = setting("After how long an unused session ends.", number(2, 10_080), default=15.0)
    session_absolute_hours: float = setting("How long a session lasts at most.", number(0.1, 168), default=12.0)
    lockout_attempts: int = setting("Wrong passwords in a row that lock an e-mail.", whole(3, 100), default=5)
    lockout_minutes: float = setting("How long the lock lasts.", number(1, 1440), default=30.0)
    throttle_per_address: int = setting(
        "Tries of each of login, refresh and the like that one address (IPv6: one /64) has in a window.",
        whole(1, 1_000_000),
        default=60,
    )
    throttle_per_email: int = setting(
        "Tries of each that one e-mail has in a window, from wherever.", whole(1, 1_000_000), default=10
    )
    throttle_seconds: int = setting("How long a window lasts.", whole(1, 86_400), default=60)
    throttle_redis: str | None = setting(
        "A Redis that counts tries, instead of the database.", redis_address(), secret=True
    )
    emergency_minutes: float = setting(
        "How long an emergency access (break-glass) lasts.", number(5, 1440), default=60.0
    )
    emergency_review_hours: float = setting(
        "How long an emergency access may wait for its review before it blocks the same user's next one.",
        number(24, 8760),
        default=72.0,
    )
    detect_volume_patients: int = setting(
        "Patients seen in an hour that are usual for anybody.", whole(1, 1_000_000), default=100
    )
    detect_volume_factor: float = setting(
        "Times a user's own mean hour that are usual for that user.", number(1, 1000), default=3.0
    )
    detect_history_days: int = setting("Days that a user's mean hour is made of.", whole(0, 366), default=28)
    detect_day_begins: int = setting("The hour at which a clinic opens, by its own clocks.", whole(0, 23), default=7)
    detect_day_ends: int = setting("The hour at which it closes.", whole(1, 24), default=20)
    detect_off_hours_patients: int = setting(
        "Patients seen in an hour that are usual while it is closed.", whole(1, 1_000_000), default=50
    )
    detect_refusals: int = setting("Refusals in an hour that are usual.", whole(1, 1_000_000), default=10)
    invitation_hours: float = setting("How long an invitation is good.", number(1, 336), default=72.0)
    reset_minutes: float = setting("How long a mail to reset a password is good.", number(5, 1440), default=30.0)

    notify: str = setting(
        "How messages leave: as mail, on the terminal (for trials: they hold one-time secrets), or not at all.",
        one_of(NOTIFIERS),
        default="none",
    )
    links_url: str | None = setting(
        "The address of your pages `invitation` and `reset`, which messages link to with `#token=`; without it they"
        " hold the token alone.",
        page(),
    )
    smtp_host: str | None = setting("The server that takes mail.", text("host"))
    smtp_port: int = setting("Its port.", whole(1, 65_535), default=587)
    smtp_security: str = setting(
        "How it is talked to; `plain` only on this machine.", one_of(SMTP_SECURITY), default="starttls"
    )
    smtp_username: str | None = setting("Who sends, to the server.", text("name"))
    smtp_password: str | None = setting("The password for that.", text("name"), secret=True)
    smtp_sender: str | None = setting("The address that mail comes from.", mailbox())
    smtp_timeout_seconds: float = setting("How long each step may take.", number(0.1, 60), default=10.0)
    smtp_ca_file: Path | None = setting(  # noqa: RUF009 - likewise
        "Certificates to trust instead of the system's.", file()
    )
    review_high_hours: float = setting(
        "How long a screening of high risk may wait for its review.",
        number(0.1, 168),
        default=24.0,
    )
    screening_time: str = setting(
        "When `worker` has all active patients of each clinic screened, every day, by the clinic's clock; a clinic that"
        " has a time of its own goes by that.",
        hour(),
        default="06:00",
    )
    screening_late_hours: float = setting(
        "How long after its time a clinic's daily screening may last before the dashboard, `/api/ready` and `doctor`"
        " call it late.",
        number(0.1, 12),
        default=2.0,
    )
    ai_api_key: str | None = setting(
        "The key to Anthropic's API. Without one, screening is by rules alone.", secret_text("a key"), secret=True
    )
    ai_model: str = setting("The model that is asked.", text("name"), default=DEFAULT_MODEL)
    ai_base_url: str | None = setting("Another address of the API, such as a gateway's.", page())
    ai_stop_file: Path | None = setting(  # noqa: RUF009 - likewise
        "The kill switch: while a file of this name exists, no model is asked anything.", file()
    )
    ai_budget_seconds: float = setting(
        "How long an assessment may take, waiting and tries included; then the rules' result stands.",
        number(1, 120),
        default=20.0,
    )
    ai_timeout_seconds: float = setting("How long one try may take.", number(0.5, 120), default=10.0)
    ai_retries: int = setting("How often a passing failure is tried again.", whole(0, 5), default=1)
    ai_at_once: int = setting("Requests to the model under way at once, in each process.", whole(1, 256), default=8)
    ai_per_minute: int = setting(
        "Requests to the model that each process begins a minute.", whole(1, 60_000), default=300
    )
    ai_batch_from: int = setting(
        "From how many patients on a batch is asked about at half the price and within a day, by the provider's own"
        " batches; the rules' results are there at once. 0: never.",
        whole(0, 10_000_000),
        default=0,
    )
    ai_input_price: float = setting(
        "What a million tokens sent cost, for the accounts.", number(0, 10_000), default=0.0
    )
    ai_output_price: float = setting(
        "What a million tokens written cost, for the accounts.", number(0, 10_000), default=0.0
    )
    token_issuer: str = setting("`iss` of access tokens.", text("name"), default="mindbridge")
    token_audience: str = setting("`aud` of access tokens.", text("name"), default="mindbridge")

    audit_sinks: tuple[str, ...] = setting(
        "Where `audit ship` copies the trail to.", many("any of file, syslog, with commas between", sink), default=()
    )
    audit_file: Path | None = setting(  # noqa: RUF009 - likewise
        "The file of the sink `file`: one JSON object a line, mode 0600.", file()
    )
    audit_file_bytes: int = setting(
        "How long that file may grow before the next begins.", whole(65_536, 1_000_000_000_000), default=100_000_000
    )
    audit_file_kept: int = setting(
        "How many full files are kept beside it; older ones are overwritten.", whole(1, 10_000), default=100
    )
    audit_syslog: str | None = setting("The server of the sink `syslog`.", syslog_address())
    audit_syslog_ca: Path | None = setting(  # noqa: RUF009 - likewise
        "The authorities (PEM) that may vouch for that server, instead of the system's.", file()
    )
    audit_ship_seconds: float = setting(
        "How long `audit ship --follow` rests between two looks.", number(0.1, 3600), default=2.0
    )
    audit_lag_seconds: int = setting(
        "From which lag of a sink on `/api/ready` says so.", whole(1, 604_800), default=300
    )

    metrics: bool = setting(
        "Show figures at `/api/metrics` to whoever asks: let the proxy in front keep it inside.", flag(), default=False
    )
    log_level: str = setting("What is logged, at least.", one_of(LOG_LEVELS), default="info")


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def load_settings(config: Path | None = None) -> Settings:
    """Return the settings out of the TOML file, if any, and the variables, which win.

    Raises SettingsRefused with every finding.
    """
    loaders: list[Any] = [typed_settings.EnvLoader(PREFIX)]  # Any: the library's protocol is not exported
    if config is not None:
        formats: Any = {"*": typed_settings.TomlFormat(None)}  # likewise
        loaders.insert(0, typed_settings.FileLoader(formats, [f"!{config}"]))
    try:
        settings = typed_settings.load_settings(Settings, loaders)
    except InvalidSettingsError as group:
        raise SettingsRefused([_in_words(str(error)) for error in group.exceptions]) from None  # they quote values
    except TsError as error:  # these name the file and unknown settings
        raise SettingsRefused([f"{config}: {error}"]) from None
    findings = list(_contradictions(settings))
    if findings:
        raise SettingsRefused(findings)
    return settings


def _in_words(message: str) -> str:
    found = _REFUSED_OPTION.match(message)
    if found is None:
        return "the settings do not fit together"
    name = found[1]
    takes = attrs.fields_dict(Settings)[name].metadata["form"].takes
    return f"{name} ({variable(name)}): must be {takes}"


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.key_ring is not None and settings.key_ring_file is not None:
        yield "key_ring and key_ring_file: give one of the two"
    if settings.pool_min > settings.pool_max:
        yield "pool_min: must not be more than pool_max"
    if settings.detect_day_begins >= settings.detect_day_ends:
        yield "detect_day_begins: must be before detect_day_ends"
    if settings.session_idle_minutes > settings.session_absolute_hours * 60:
        yield "session_idle_minutes: must not be more than session_absolute_hours"
    if "file" in settings.audit_sinks and settings.audit_file is None:
        yield "audit_sinks: file needs audit_file, the path of that file"
    if "syslog" in settings.audit_sinks and settings.audit_syslog is None:
        yield "audit_sinks: syslog needs audit_syslog, the address of that server"
    yield from _mail_contradictions(settings)


def _mail_contradictions(settings: Settings) -> Iterator[str]:
    if settings.notify == "smtp" and (settings.smtp_host is None or settings.smtp_sender is None):
        yield "notify: smtp needs smtp_host and smtp_sender"
    if (settings.smtp_username is None) is not (settings.smtp_password is None):
        yield "smtp_username and smtp_password: give both or none"


def unknown_variables() -> list[str]:
    """Return which `MINDBRIDGE_*` variables are no setting, for a misspelt one has no effect."""
    known = {variable(field.name) for field in attrs.fields(Settings)}
    findings = []
    for name in sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        close = get_close_matches(name, known, n=1)
        findings.append(f"{name} is no setting" + (f": did you mean {close[0]}?" if close else ""))
    return findings
