"""`mindbridge admin`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

import attrs
import click

from mindbridge_cli.commands.second_factor import reset_mfa
from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, result
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator, Role
from mindbridge_core.errors import InvalidInput, NotFound
from mindbridge_core.identity import ClinicChanges, ClinicDraft, StaffDraft, normalize_email
from mindbridge_core.identity.use_cases.invitations import Invitation
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.validation import parse

__all__ = ["command"]

Draft = TypeVar("Draft", bound=attrs.AttrsInstance)
_OPTIONS = {"/name": "--clinic", "/npi_number": "--npi"}


@click.group("admin")
def command() -> None:
    """Clinics and their administrators."""


command.add_command(reset_mfa)


@command.command()
@click.option("--organization", required=True, help="The organization's name; found by it, or made.")
@click.option("--clinic", required=True, help="The clinic's name; found by it, or opened.")
@click.option("--email", required=True, help="The administrator's e-mail.")
@click.option("--full-name", required=True, help="The administrator's name.")
@click.option("--phone", help="The clinic's telephone number.")
@click.option("--npi", help="The clinic's National Provider Identifier, ten digits.")
@click.option("--timezone", help="The clinic's IANA time zone.  [default: America/New_York]")
@as_json
@click.pass_context
def create(
    ctx: click.Context,
    *,
    organization: str,
    clinic: str,
    email: str,
    full_name: str,
    phone: str | None,
    npi: str | None,
    timezone: str | None,
    json_: bool,
) -> None:
    """Open a clinic, make its administrator, and print the invitation with which they choose their password.

    The invitation works once and expires. Hand it over as you would a password: it is printed here and stored nowhere.
    """
    given = {"organization": organization, "name": clinic, "phone": phone, "npi_number": npi, "timezone": timezone}
    clinic_draft, staff_draft = _drafts(
        {name: value for name, value in given.items() if value is not None},
        {"email": email, "full_name": full_name, "role": str(Role.ADMIN)},
    )
    with composed(settings_of(ctx)) as product:
        clinic_id = product.core.open_clinic(clinic_draft)
        invitation = product.core.invite_staff(Operator(clinic_id=clinic_id), staff_draft)
    _tell(invitation, f"{invitation.user.email} is administrator of clinic {clinic_id}.", json_=json_)


@command.command()
@click.option("--email", required=True, help="The e-mail of an account that has no password yet.")
@as_json
@click.pass_context
def invite(ctx: click.Context, *, email: str, json_: bool) -> None:
    """Print a new invitation for an account whose owner has not joined; the one before is good for nothing then."""
    with composed(settings_of(ctx)) as product:
        with product.core.ports.open_unit(PLATFORM_CLINIC_ID) as unit:
            found = unit.directory.find(normalize_email(email))
        if found is None:
            raise NotFound
        invitation = product.core.renew_invitation(Operator(clinic_id=found.clinic_id), found.user_id)
    _tell(invitation, f"{invitation.user.email} is invited again.", json_=json_)


@command.command("clinic")
@click.option("--clinic", "clinic_id", type=click.UUID, required=True, help="The clinic's id.")
@click.option("--timezone", help="The IANA time zone by whose clock its days go from now on.")
@click.option(
    "--screening-time",
    metavar="HH:MM|default",
    help="When by that clock all its patients are screened every day; `default`: at MINDBRIDGE_SCREENING_TIME.",
)
@as_json
@click.pass_context
def clinic_(
    ctx: click.Context, *, clinic_id: UUID, timezone: str | None, screening_time: str | None, json_: bool
) -> None:
    """Show a clinic's time zone and when its patients are screened every day, and change them.

    A day of which the batch was ordered has no second one, whatever is changed.
    """
    given = {"timezone": timezone, "screening_time": screening_time}
    sent: dict[str, str | None] = {name: value for name, value in given.items() if value is not None}
    if screening_time == "default":
        sent["screening_time"] = None
    findings: list[str] = []
    changes = _read(ClinicChanges, sent, findings)
    if changes is None:
        raise click.UsageError("; ".join(findings))
    by = Operator(clinic_id=clinic_id)
    settings = settings_of(ctx)
    with composed(settings) as product:
        found = product.core.change_clinic(by, changes) if sent else product.core.view_clinic(by)
    at = None if found.screening_time is None else f"{found.screening_time:%H:%M}"
    content = {"clinic_id": str(clinic_id), "name": found.name, "timezone": found.timezone, "screening_time": at}
    said = f"screened every day at {at}" if at else _left_to(settings.screening_time)
    result(content, [f"{found.name}: time zone {found.timezone}, {said}"], json_=json_)


def _left_to(screening_time: str) -> str:
    """Say when a clinic without a time of its own is screened."""
    said = "not screened every day" if screening_time == "never" else f"screened every day at {screening_time}"
    return f"{said} (MINDBRIDGE_SCREENING_TIME)"


def _tell(invitation: Invitation, line: str, *, json_: bool) -> None:
    assert invitation.secret is not None  # noqa: S101 - the operator is always given it
    user = invitation.user
    content = {
        "clinic_id": str(user.clinic_id),
        "user_id": str(user.id),
        "email": user.email,
        "invitation": invitation.secret.text,
        "expires_at": invitation.expires_at.isoformat(),
    }
    lines = [
        line,
        f"Invitation, good once and until {invitation.expires_at:%Y-%m-%d %H:%M} UTC: {invitation.secret.text}",
        "Its holder sends it with a password to POST /api/v1/auth/invitations/accept.",
    ]
    result(content, lines, json_=json_)


def _drafts(clinic: dict[str, str], staff: dict[str, str]) -> tuple[ClinicDraft, StaffDraft]:
    """Read both, so that all that is wrong is said at once."""
    findings: list[str] = []
    clinic_draft, staff_draft = _read(ClinicDraft, clinic, findings), _read(StaffDraft, staff, findings)
    if clinic_draft is None or staff_draft is None:
        raise click.UsageError("; ".join(findings))
    return clinic_draft, staff_draft


def _read(kind: type[Draft], given: Mapping[str, str | None], findings: list[str]) -> Draft | None:
    try:
        return parse(kind, given)
    except InvalidInput as refused:
        findings += [f"{_option(found.pointer)} {found.message}" for found in refused.findings]
        return None


def _option(pointer: str) -> str:
    return _OPTIONS.get(pointer, "--" + pointer.removeprefix("/").replace("_", "-"))
