from __future__ import annotations

from os import urandom

import pytest

from mindbridge_core.ids import uuid7_maker
from mindbridge_core.testing.keys import ClinicKeysContract, KeptKeys, MasterKeyContract
from mindbridge_core.testing.second_factors import OneTimeCodesContract
from mindbridge_core.testing.security import AccessTokensContract, CommonPasswordsContract, PasswordHasherContract
from mindbridge_security import (
    Argon2Hasher,
    Argon2Settings,
    ClinicKeyRing,
    JwtAccessTokens,
    KeyRing,
    LocalMasterKey,
    TokenAlgorithm,
    TotpCodes,
    ZxcvbnPasswords,
    utc_now,
)


class TestArgon2(PasswordHasherContract):
    def hasher(self) -> Argon2Hasher:
        return Argon2Hasher(Argon2Settings(time_cost=1, memory_kib=8, parallelism=1))

    def hasher_of_another_cost(self) -> Argon2Hasher:
        return Argon2Hasher(Argon2Settings(time_cost=2, memory_kib=16, parallelism=2))


class TestZxcvbnPasswords(CommonPasswordsContract):
    def common_passwords(self) -> ZxcvbnPasswords:
        return ZxcvbnPasswords()


class TestTotpCodes(OneTimeCodesContract):
    def codes(self) -> TotpCodes:
        return TotpCodes()


@pytest.mark.parametrize("algorithm", TokenAlgorithm, scope="class")
class TestJwtAccessTokens(AccessTokensContract):
    @pytest.fixture(autouse=True)
    def _algorithm(self, algorithm: TokenAlgorithm) -> None:
        self.algorithm = algorithm

    def access_tokens(self) -> JwtAccessTokens:
        ring = KeyRing.generate(token_algorithm=self.algorithm)
        return JwtAccessTokens(ring, issuer="mindbridge", audience="mindbridge-api")


class TestLocalMasterKey(MasterKeyContract):
    def master_key(self) -> LocalMasterKey:
        return LocalMasterKey(KeyRing.generate())


class TestClinicKeyRing(ClinicKeysContract):
    @pytest.fixture(autouse=True)
    def _ring(self) -> None:
        self.master = LocalMasterKey(KeyRing.generate())

    def clinic_keys(self, stored: KeptKeys) -> ClinicKeyRing:
        new_id = uuid7_maker(utc_now, urandom)
        return ClinicKeyRing(master=self.master, stored=stored, clock=utc_now, new_id=new_id)
