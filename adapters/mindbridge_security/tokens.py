"""Access tokens: JSON Web Tokens (RFC 7519, RFC 9068) that name a session and nothing else."""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import Algorithm

from mindbridge_core.actor import Origin, SessionClaim
from mindbridge_core.clock import require_utc
from mindbridge_core.errors import SessionEnded
from mindbridge_security.keys import KeyRing, TokenAlgorithm, TokenKey

__all__ = ["JwtAccessTokens"]

MOST_CHARACTERS: Final = 2048
SHAPE: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
USE: Final = "access"


@attrs.frozen(kw_only=True)
class _Signer:
    """One key of the ring, ready to use, and the one header that its tokens have, as it is sent."""

    header: str
    algorithm: Algorithm = attrs.field(repr=False)
    private: Ed25519PrivateKey | bytes = attrs.field(repr=False)
    public: Ed25519PublicKey | bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, kid: str, key: TokenKey) -> _Signer:
        private: Ed25519PrivateKey | bytes = key.secret
        public: Ed25519PublicKey | bytes = key.secret
        if key.algorithm is TokenAlgorithm.EDDSA:
            private = Ed25519PrivateKey.from_private_bytes(key.secret)
            public = private.public_key()
        return cls(
            header=_segment(_json({"alg": key.algorithm.value, "kid": kid, "typ": "at+jwt"})),
            algorithm=jwt.get_algorithm_by_name(key.algorithm.value),
            private=private,
            public=public,
        )


class JwtAccessTokens:
    """`AccessTokens` of the core, signed with the ring's current token key; tokens of its older keys stay good.

    A header is never interpreted: it must be, byte for byte, that of one of the ring's keys, which settles the
    algorithm. So `none`, another key's algorithm, a token that brings its own key or says where to fetch one (`jwk`,
    `jku`, `x5u`) and every extension are refused before anything is parsed (RFC 8725, 3.1, 3.5, 3.10, 3.11).
    Times are held against the caller's clock, without leeway: the servers' clocks must agree.
    """

    def __init__(self, ring: KeyRing, *, issuer: str, audience: str) -> None:
        signers = {kid: _Signer.of(kid, key) for kid, key in ring.token_keys.items()}
        self._current = signers[ring.current_token_key]
        self._by_header = {signer.header: signer for signer in signers.values()}
        self._issuer = issuer
        self._audience = audience

    def issue(self, claim: SessionClaim, issued_at: datetime, expires_at: datetime) -> str:
        """Return a token that is good from `issued_at` until before `expires_at`, each cut to whole seconds."""
        since = int(require_utc(issued_at).timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(claim.user_id),
            "sid": str(claim.session_id),
            "cid": str(claim.clinic_id),
            "exp": int(require_utc(expires_at).timestamp()),
            "nbf": since,
            "iat": since,
            "jti": secrets.token_urlsafe(16),
            "typ": USE,
        }
        signer = self._current
        signed = f"{signer.header}.{_segment(_json(claims))}"
        return f"{signed}.{_segment(signer.algorithm.sign(signed.encode(), signer.private))}"

    def read(self, token: str, now: datetime, origin: Origin) -> SessionClaim:
        """Return the claim of a token that was issued here and is good at `now`; raises SessionEnded for all others."""
        shape = SHAPE.fullmatch(token) if len(token) <= MOST_CHARACTERS else None
        signer = None if shape is None else self._by_header.get(shape[1])
        if shape is None or signer is None:
            raise SessionEnded
        try:
            signature = _bytes(shape[3])
            signed = token[: shape.end(2)].encode()
            if _segment(signature) != shape[3] or not signer.algorithm.verify(signed, signer.public, signature):
                raise SessionEnded
            return self._claim(json.loads(_bytes(shape[2])), now, origin)
        except (KeyError, RecursionError, TypeError, ValueError):  # what they say quotes the token
            raise SessionEnded from None

    def _claim(self, claims: dict[str, object], now: datetime, origin: Origin) -> SessionClaim:
        """Read claims that one of our keys has signed, be it for another use, issuer or audience."""
        expected = {"iss": self._issuer, "aud": self._audience, "typ": USE}
        if any(claims[name] != value for name, value in expected.items()):
            raise SessionEnded
        since, issued, expires = (_seconds(claims[name]) for name in ("nbf", "iat", "exp"))
        if not max(since, issued) <= require_utc(now).timestamp() < expires:
            raise SessionEnded
        _text(claims["jti"])
        return SessionClaim(
            clinic_id=UUID(_text(claims["cid"])),
            user_id=UUID(_text(claims["sub"])),
            session_id=UUID(_text(claims["sid"])),
            origin=origin,
        )


def _json(content: dict[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


def _seconds(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value
