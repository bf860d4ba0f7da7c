"""`mindbridge admin`."""

from __future__ import annotations

import sys
from typing import TypeVar

import attrs
import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, result
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator, Role
from mindbridge_core.errors import InvalidInput
from mindbridge_core.identity import ClinicDraft, StaffDraft
from mindbridge_core.validation import parse

__all__ = ["command"]

Draft = TypeVar("Draft", bound=attrs.AttrsInstance)
_OPTIONS = {"/name": "--clinic", "/npi_number": "--npi"}


@click.group("admin")
def command() -> None:
    """The first clinic and its administrator."""


@command.command()
@click.option("--organization", required=True, help="The organization's name; found by it, or made.")
@click.option("--clinic", required=True, help="The clinic's name; found by it, or opened.")
@click.option("--email", required=True, help="The administrator's e-mail.")
@click.option("--full-name", required=True, help="The administrator's name.")
@click.option("--phone", help="The clinic's telephone number.")
@click.option("--npi", help="The clinic's National Provider Identifier, ten digits.")
@click.option("--timezone", help="The clinic's IANA time zone.  [default: America/New_York]")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
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
    password_stdin: bool,
    json_: bool,
) -> None:
    """Open a clinic and make its administrator, who can then log in.

    The password is asked for, twice, or read from standard input; at least 15 characters, none that is common or
    built from a name. It is never an argument, which other users of the machine could see.
    """
    given = {"organization": organization, "name": clinic, "phone": phone, "npi_number": npi, "timezone": timezone}
    clinic_draft, staff_draft = _drafts(
        {name: value for name, value in given.items() if value is not None},
        {"email": email, "full_name": full_name, "role": str(Role.ADMIN)},
    )
    settings = settings_of(ctx)
    password = _from_stdin() if password_stdin else _asked()
    with composed(settings) as product:
        clinic_id = product.core.open_clinic(clinic_draft)
        user = product.core.register_staff(Operator(clinic_id=clinic_id), staff_draft, password=password)
    content = {"clinic_id": str(clinic_id), "user_id": str(user.id), "email": user.email}
    result(content, [f"{user.email} can now log in as administrator of clinic {clinic_id}."], json_=json_)


def _drafts(clinic: dict[str, str], staff: dict[str, str]) -> tuple[ClinicDraft, StaffDraft]:
    """Read both, so that all that is wrong is said at once."""
    findings: list[str] = []
    clinic_draft, staff_draft = _read(ClinicDraft, clinic, findings), _read(StaffDraft, staff, findings)
    if clinic_draft is None or staff_draft is None:
        raise click.UsageError("; ".join(findings))
    return clinic_draft, staff_draft


def _read(kind: type[Draft], given: dict[str, str], findings: list[str]) -> Draft | None:
    try:
        return parse(kind, given)
    except InvalidInput as refused:
        findings += [f"{_option(found.pointer)} {found.message}" for found in refused.findings]
        return None


def _option(pointer: str) -> str:
    return _OPTIONS.get(pointer, "--" + pointer.removeprefix("/").replace("_", "-"))


def _from_stdin() -> str:
    line = sys.stdin.readline()
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise click.UsageError("--password-stdin: standard input has no password on its first line")
    return password


def _asked() -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
