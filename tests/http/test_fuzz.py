"""Any bytes at all, on every route: never a failure, and never a refusal that is not a problem document."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindbridge_core import Role
from mindbridge_flask.problems import PROBLEM_TYPE
from mindbridge_flask.routes import ROUTES
from tests.http.world import Staff, new_world

BODYLIKE = [
    b"{}",
    b'{"name": "A"}',
    b"[]",
    b"null",
    b'{"name": "A", "medication_adherence": 1e309}',
    b'{"email": "a@b.example", "password": "x"}',
    b'{"refresh_token": "x"}',
    b'{"name": "\\ud800"}',
    b"[" * 5000,
    b'{"a":' * 5000,
]
PATHS = sorted({route.path for route in ROUTES} | {"/v1", "/nothing"})
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]
NAMES = [
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Prefer",
    "Idempotency-Key",
    "X-Request-ID",
    "Authorization",
    "Content-Encoding",
    "Origin",
    "User-Agent",
    "Content-Length",
    "Transfer-Encoding",
    "X-Forwarded-For",
    "Range",
    "Expect",
    "Cookie",
]

UNPREFIXED = {"Content-Type", "Content-Length"}

# A server hands header bytes on as latin-1 text, and refuses those with line breaks or NUL by itself.
header_text = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=40)
meant = st.sampled_from(
    [
        "application/json",
        "*",
        '"1"',
        'W/"1"',
        "handling=strict",
        "Bearer x",
        "a b",
        '"',
        ",",
        "identity",
        "chunked",
        "5",
        "-1",
    ]
)
queries = st.one_of(
    st.binary(max_size=60).map(quote_from_bytes),
    st.lists(
        st.tuples(
            st.sampled_from(["limit", "cursor", "status", "include", "everywhere", "access_token"]),
            st.binary(max_size=20),
        ),
        max_size=4,
    ).map(lambda pairs: "&".join(f"{name}={quote_from_bytes(value)}" for name, value in pairs)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
)


@pytest.fixture(scope="module")
def somebody() -> Staff:
    """An admin whose session nothing here can end: log-outs are sent with nobody's token."""
    return new_world().session(Role.ADMIN)


@attrs.frozen(kw_only=True)
class Sent:
    """A request, as unlikely as it may be."""

    method: str
    path: str
    record: str
    query: str
    headers: dict[str, str]
    body: bytes
    as_json: bool
    logged_in: bool

    def environ(self, token: str) -> dict[str, str]:
        """Return the headers as a server hands them on (PEP 3333)."""
        sent = self.headers | ({"Content-Type": "application/json"} if self.as_json else {})
        sent |= {"Authorization": f"Bearer {token}"} if self.logged_in and "logout" not in self.path else {}
        names = {name: name.upper().replace("-", "_") for name in sent}
        return {(names[name] if name in UNPREFIXED else "HTTP_" + names[name]): value for name, value in sent.items()}


requests = st.builds(
    Sent,
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS),
    record=st.one_of(st.binary(max_size=40).map(quote_from_bytes), st.uuids().map(str)),
    query=queries,
    headers=st.dictionaries(st.sampled_from(NAMES), st.one_of(meant, header_text), max_size=5),
    body=st.one_of(st.binary(max_size=200), st.sampled_from(BODYLIKE)),
    as_json=st.booleans(),
    logged_in=st.booleans(),
)


@pytest.mark.slow
@given(sent=requests)
@settings(max_examples=600)
def test_no_request_breaks_the_server(somebody: Staff, sent: Sent) -> None:
    answer = somebody.client.open(
        "/api" + sent.path.replace("{patient_id}", sent.record),
        method=sent.method,
        query_string=sent.query,
        data=sent.body,
        environ_overrides=sent.environ(somebody.tokens["access_token"]),
    )
    assert answer.status_code < 500, answer.text
    if not 200 <= answer.status_code < 400:
        assert answer.content_type == PROBLEM_TYPE
        assert sent.method == "HEAD" or answer.get_json()["status"] == answer.status_code
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-ID"]
