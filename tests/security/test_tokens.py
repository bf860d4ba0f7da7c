from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mindbridge_core.actor import Origin, SessionClaim
from mindbridge_core.errors import SessionEnded
from mindbridge_security import JwtAccessTokens, KeyRing, TokenAlgorithm

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)
CLAIM = SessionClaim(clinic_id=UUID(int=1), user_id=UUID(int=2), session_id=UUID(int=3))
RINGS = {algorithm: KeyRing.generate(token_algorithm=algorithm) for algorithm in TokenAlgorithm}
Signed = Callable[[Mapping[str, object], Mapping[str, object]], str]


def tokens_of(ring: KeyRing, *, issuer: str = "mindbridge", audience: str = "mindbridge-api") -> JwtAccessTokens:
    return JwtAccessTokens(ring, issuer=issuer, audience=audience)


def segment(content: object) -> str:
    text = (
        content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    )
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def opened(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return content


def private_of(ring: KeyRing) -> Any:
    key = ring.token_keys[ring.current_token_key]
    return key.secret if key.algorithm is TokenAlgorithm.HS256 else Ed25519PrivateKey.from_private_bytes(key.secret)


def signed(ring: KeyRing, header: Mapping[str, object], claims: object) -> str:
    """Sign anything with the ring's own key, as nobody but its holder can."""
    algorithm = ring.token_keys[ring.current_token_key].algorithm
    text = f"{segment(header)}.{segment(claims)}"
    return f"{text}.{segment(jwt.get_algorithm_by_name(algorithm).sign(text.encode(), private_of(ring)))}"


def refuses(ring: KeyRing, token: str, now: datetime = NOW) -> bool:
    with pytest.raises(SessionEnded) as refusal:
        tokens_of(ring).read(token, now, Origin())
    assert refusal.value.args == (SessionEnded.text,)
    return refusal.value.__cause__ is None


@pytest.fixture(params=TokenAlgorithm)
def ring(request: pytest.FixtureRequest) -> KeyRing:
    return RINGS[request.param]


@pytest.fixture
def parts(ring: KeyRing) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = tokens_of(ring).issue(CLAIM, NOW, LATER).split(".")
    return opened(header), opened(claims)


Parts = tuple[dict[str, Any], dict[str, Any]]


def test_a_token_is_what_its_makers_key_signs(ring: KeyRing, parts: Parts) -> None:
    assert tokens_of(ring).read(signed(ring, *parts), NOW, Origin()) == CLAIM


def test_any_other_reader_of_json_web_tokens_understands_it(ring: KeyRing) -> None:
    token, private = tokens_of(ring).issue(CLAIM, NOW, LATER), private_of(ring)
    read = jwt.decode_complete(
        token,
        private if isinstance(private, bytes) else private.public_key(),
        algorithms=[ring.token_keys[ring.current_token_key].algorithm],
        audience="mindbridge-api",
        issuer="mindbridge",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert read["header"] == {
        "alg": ring.token_keys[ring.current_token_key].algorithm,
        "kid": ring.current_token_key,
        "typ": "at+jwt",
    }
    jti = read["payload"].pop("jti")
    assert len(jti) == 22
    assert read["payload"] == {
        "iss": "mindbridge",
        "aud": "mindbridge-api",
        "sub": str(UUID(int=2)),
        "sid": str(UUID(int=3)),
        "cid": str(UUID(int=1)),
        "exp": int(LATER.timestamp()),
        "nbf": int(NOW.timestamp()),
        "iat": int(NOW.timestamp()),
        "typ": "access",
    }


def test_a_token_says_nothing_of_the_person(ring: KeyRing, parts: Parts) -> None:
    _, claims = parts
    assert ring.token_keys
    assert sorted(claims) == ["aud", "cid", "exp", "iat", "iss", "jti", "nbf", "sid", "sub", "typ"]


@pytest.mark.parametrize("missing", ["aud", "cid", "exp", "iat", "iss", "jti", "nbf", "sid", "sub", "typ"])
def test_a_token_that_lacks_a_claim_is_refused(ring: KeyRing, parts: Parts, missing: str) -> None:
    header, claims = parts
    del claims[missing]
    assert refuses(ring, signed(ring, header, claims))


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"aud": ["mindbridge-api"]},
        {"aud": None},
        {"cid": "not-a-uuid"},
        {"cid": 1},
        {"exp": int(NOW.timestamp())},
        {"exp": str(int(LATER.timestamp()))},
        {"exp": 1e400},
        {"exp": True},
        {"iat": int(NOW.timestamp()) + 1},
        {"iss": "another"},
        {"jti": ""},
        {"jti": 5},
        {"nbf": int(NOW.timestamp()) + 1},
        {"nbf": False},
        {"sid": None},
        {"sub": ["a"]},
        {"typ": "refresh"},
        {"typ": "at+jwt"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(ring: KeyRing, parts: Parts, wrong: dict[str, object]) -> None:
    header, claims = parts
    assert refuses(ring, signed(ring, header, claims | wrong))


@pytest.mark.parametrize("claims", [[], "text", 5, None, b"", b"\xff", b"{", b"[" * 1000])
def test_a_signed_text_that_is_no_claims_is_refused(ring: KeyRing, parts: Parts, claims: object) -> None:
    assert refuses(ring, signed(ring, parts[0], claims))


def test_an_unsigned_token_is_refused_whatever_it_calls_itself(ring: KeyRing, parts: Parts) -> None:
    header, claims = parts
    for none in ("none", "None", "NONE", "nOnE", "", None):
        text = f"{segment(header | {'alg': none})}.{segment(claims)}"
        assert all(refuses(ring, f"{text}.{signature}") for signature in ("", "AA", text.split(".")[1]))
    assert refuses(ring, f"{segment(header)}.{segment(claims)}.")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    ring = RINGS[TokenAlgorithm.EDDSA]
    public = private_of(ring).public_key()
    header, claims, _ = tokens_of(ring).issue(CLAIM, NOW, LATER).split(".")
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    hmac = jwt.get_algorithm_by_name("HS256")
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (raw, pem, raw.hex().encode(), base64.b64encode(raw)):
        for alg in ("HS256", "EdDSA"):
            text = f"{segment(opened(header) | {'alg': alg})}.{claims}"
            assert refuses(ring, f"{text}.{segment(hmac.sign(text.encode(), secret))}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "EdDSA", "RS256", "ES256", "hs256"])
def test_another_algorithm_than_the_keys_own_is_refused(algorithm: str) -> None:
    ring = RINGS[TokenAlgorithm.HS256]
    header, claims, _ = tokens_of(ring).issue(CLAIM, NOW, LATER).split(".")
    text = f"{segment(opened(header) | {'alg': algorithm})}.{claims}"
    name = algorithm if algorithm in {"HS384", "HS512"} else "HS256"
    signature = jwt.get_algorithm_by_name(name).sign(text.encode(), private_of(ring))
    assert refuses(ring, f"{text}.{segment(signature)}")


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "other"},
        {"kid": None},
        {"kid": ["x"]},
        {"kid": "../../dev/null"},
        {"typ": "JWT"},
        {"typ": None},
        {"jku": "https://127.0.0.1/keys"},
        {"x5u": "https://127.0.0.1/chain"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
    ids=str,
)
def test_any_other_header_is_refused_even_when_signed(ring: KeyRing, parts: Parts, header: dict[str, object]) -> None:
    assert refuses(ring, signed(ring, parts[0] | header, parts[1]))


def test_a_token_that_brings_its_own_key_is_refused(ring: KeyRing, parts: Parts) -> None:
    own = secrets.token_bytes(32)
    header = parts[0] | {"alg": "HS256", "jwk": {"kty": "oct", "k": segment(own)}}
    text = f"{segment(header)}.{segment(parts[1])}"
    assert refuses(ring, f"{text}.{segment(jwt.get_algorithm_by_name('HS256').sign(text.encode(), own))}")


def test_a_signature_has_one_spelling(ring: KeyRing) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = tokens_of(ring).issue(CLAIM, NOW, LATER)
    assert refuses(ring, token[:-1] + alphabet[alphabet.index(token[-1]) + 1])


@pytest.mark.parametrize(
    "garbage", ["A" * 100_000, "[" * 100_000, ".".join(["A" * 100_000] * 3), "a.b.c.d.e", "e30.e30.e30", "\u0661.a.b"]
)
def test_garbage_of_any_size_is_refused(ring: KeyRing, garbage: str) -> None:
    assert refuses(ring, garbage)


def test_a_genuine_token_that_is_far_too_long_is_refused(ring: KeyRing, parts: Parts) -> None:
    header, claims = parts
    assert tokens_of(ring).read(signed(ring, header, claims | {"more": "x" * 500}), NOW, Origin()) == CLAIM
    assert refuses(ring, signed(ring, header, claims | {"more": "x" * 100_000}))


def test_a_token_for_another_issuer_or_audience_is_refused(ring: KeyRing) -> None:
    for other in (tokens_of(ring, issuer="other"), tokens_of(ring, audience="other")):
        token = other.issue(CLAIM, NOW, LATER)
        assert refuses(ring, token)
        assert other.read(token, NOW, Origin()) == CLAIM


def test_tokens_of_an_older_key_stay_good_until_it_is_taken_out(ring: KeyRing) -> None:
    token = tokens_of(ring).issue(CLAIM, NOW, LATER)
    for algorithm in TokenAlgorithm:
        newer = ring.with_new_token_key(algorithm)
        assert tokens_of(newer).read(token, NOW, Origin()) == CLAIM
        assert opened(tokens_of(newer).issue(CLAIM, NOW, LATER).split(".")[0])["kid"] == newer.current_token_key
        assert refuses(newer.without(ring.current_token_key), token)


def test_one_keys_token_under_another_keys_id_is_refused(ring: KeyRing) -> None:
    newer = ring.with_new_token_key()
    _, claims, signature = tokens_of(ring).issue(CLAIM, NOW, LATER).split(".")
    header = tokens_of(newer).issue(CLAIM, NOW, LATER).split(".")[0]
    assert refuses(newer, f"{header}.{claims}.{signature}")


def test_times_are_the_callers_not_the_machines(ring: KeyRing) -> None:
    long_ago = datetime(1999, 12, 31, tzinfo=UTC)
    token = tokens_of(ring).issue(CLAIM, long_ago, long_ago + timedelta(seconds=1))
    assert tokens_of(ring).read(token, long_ago, Origin()) == CLAIM
    assert refuses(ring, token, long_ago + timedelta(seconds=1))


def test_a_time_without_its_zone_is_refused_where_it_is_given(ring: KeyRing) -> None:
    naive = datetime(2026, 1, 31, 12)  # noqa: DTZ001 - the wrong thing, on purpose
    for since, until in ((naive, LATER), (NOW, naive)):
        with pytest.raises(ValueError, match="timezone-aware"):
            tokens_of(ring).issue(CLAIM, since, until)


def test_no_repr_shows_a_key(ring: KeyRing) -> None:
    secret = ring.token_keys[ring.current_token_key].secret
    tokens = tokens_of(ring)
    text = repr(tokens) + repr(vars(tokens))
    assert repr(secret)[2:12] not in text
