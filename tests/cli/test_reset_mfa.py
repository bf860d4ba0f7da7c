"""`mindbridge admin reset-mfa`: the way back without authenticator, recovery codes and colleague."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from mindbridge_core import Role
from mindbridge_core.errors import MfaEnrolmentRequired
from mindbridge_core.identity import CodeAgain, PasswordAgain
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing
from tests.cli.conftest import Run
from tests.support.product import PASSWORD, Product, compose


@pytest.fixture
def product(served: dict[str, str]) -> Iterator[Product]:
    product = compose(served["database_url"], KeyRing.load(Path(served["key_ring_file"])), PoolSettings())
    product.core.prepare_platform()
    yield product
    product.database.close()


def test_the_operator_takes_a_lost_factor_away_and_a_new_one_is_owed(
    run: Run, served: dict[str, str], product: Product
) -> None:
    user = product.staff(product.clinic(), Role.ADMIN)
    claim = product.session(user)
    secret = product.core.enroll_mfa(claim, PasswordAgain(password=PASSWORD)).secret
    product.core.confirm_mfa(claim, CodeAgain(otp=pyotp.TOTP(secret).now()))

    ended = run("admin", "reset-mfa", "--email", user.email.upper(), "--json", **served)

    assert 0 == ended.exit_code, ended.stderr
    assert {"clinic_id": str(user.clinic_id), "user_id": str(user.id)} == json.loads(ended.stdout)
    with pytest.raises(MfaEnrolmentRequired):
        product.core.view_self(product.session(user))
    again = run("admin", "reset-mfa", "--email", user.email, **served)
    assert (1, "") == (again.exit_code, again.stdout)
    assert "No second factor is set up" in again.stderr


def test_an_unknown_e_mail_is_told(run: Run, served: dict[str, str], product: Product) -> None:
    product.clinic()
    ended = run("admin", "reset-mfa", "--email", "nobody@example.org", **served)
    assert (1, "") == (ended.exit_code, ended.stdout)
    assert "no account" in ended.stderr
