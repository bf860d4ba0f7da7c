"""What of a second factor is stored, and that a demand costs no statement."""

from __future__ import annotations

import psycopg
import pyotp
import pytest

from mindbridge_core import Role
from mindbridge_core.errors import MfaEnrolmentRequired
from mindbridge_core.identity import CodeAgain, MfaPolicyDraft, PasswordAgain
from tests.postgres.test_statements import Counted
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product

AGAIN = PasswordAgain(password=PASSWORD)


def test_secrets_are_sealed_to_their_user_and_recovery_codes_are_hashed(
    product: Product, database: TestDatabase
) -> None:
    clinic_id = product.clinic()
    claims = [product.session(product.staff(clinic_id, Role.ADMIN)) for _ in range(2)]
    secret = product.core.enroll_mfa(claims[0], AGAIN).secret
    codes = product.core.confirm_mfa(claims[0], CodeAgain(otp=pyotp.TOTP(secret).now()))

    with psycopg.connect(database.superuser_url) as superuser:
        stored = str(superuser.execute("SELECT u::text FROM users u").fetchall())
        ((sealed,),) = superuser.execute("SELECT mfa_secret FROM users WHERE mfa_enabled").fetchall()
        hashes = [one for (one,) in superuser.execute("SELECT code_hash FROM recovery_codes").fetchall()]
    assert secret not in stored
    assert secret.encode().hex() not in stored
    assert [None] * 10 == [None for one in hashes if one.startswith("sha256:")]
    assert not [code for code in codes if code in str(hashes) or code.replace("-", "") in str(hashes)]
    cipher = product.keys.cipher(clinic_id)
    assert secret == cipher.decrypt("users.mfa_secret", claims[0].user_id, sealed)
    with pytest.raises(Exception, match="integrity"):
        cipher.decrypt("users.mfa_secret", claims[1].user_id, sealed)


def test_a_demand_is_read_with_the_session(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = product.session(product.staff(product.clinic(), Role.ADMIN))
    product.core.change_mfa_policy(claim, MfaPolicyDraft(required=True, admin=False))
    product.core.view_self(claim)
    counted = Counted(monkeypatch)
    product.core.view_self(claim)
    assert 4 == len(counted.sent), counted.sent

    product.core.change_mfa_policy(claim, MfaPolicyDraft(required=True))
    with pytest.raises(MfaEnrolmentRequired):
        product.core.view_self(claim)
