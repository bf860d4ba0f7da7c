"""`mindbridge admin reset-mfa`, for whoever has no colleague left to ask."""

from __future__ import annotations

import click

from mindbridge_cli.compose import Composed, composed
from mindbridge_cli.output import as_json, result
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator
from mindbridge_core.errors import NotFound
from mindbridge_core.identity import DirectoryEntry, normalize_email
from mindbridge_core.ids import PLATFORM_CLINIC_ID

__all__ = ["reset_mfa"]


@click.command("reset-mfa")
@click.option("--email", required=True, help="The account's e-mail.")
@as_json
@click.pass_context
def reset_mfa(ctx: click.Context, *, email: str, json_: bool) -> None:
    """Take an account's lost second factor away. Its sessions end, and it can only set up a new one.

    For an administrator without colleagues; everybody else asks an administrator of the clinic. Make sure who asks.
    """
    with composed(settings_of(ctx)) as product:
        entry = _found(product, normalize_email(email))
        product.core.reset_mfa(Operator(clinic_id=entry.clinic_id), entry.user_id)
    content = {"clinic_id": str(entry.clinic_id), "user_id": str(entry.user_id)}
    result(content, [f"User {entry.user_id} can log in with the password, and must set up a new one."], json_=json_)


def _found(product: Composed, email: str) -> DirectoryEntry:
    with product.core.ports.open_unit(PLATFORM_CLINIC_ID) as unit:
        entry = unit.directory.find(email)
    if entry is None:
        raise NotFound("There is no account of this e-mail.")
    return entry
