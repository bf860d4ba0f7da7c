"""The key ring as JSON text, read strictly: everything that is wrong is named at once, and no secret is repeated.

An object with `version` (1), `current_master_key` and `current_token_key` (ids), `master_keys` (a list of objects with
`id` and `key`, and perhaps `made_on`, a date) and `token_keys` (with `algorithm` besides). A key is 32 bytes in
base64url without padding.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import attrs

from mindbridge_core.errors import Finding
from mindbridge_security.errors import KeyRingRefused

__all__ = ["Written", "read", "write"]

VERSION: Final = 1
ID_SHAPE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
KEY_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
FIELD_SHAPE: Final = re.compile(r"[a-z][a-z_]{0,31}")
LEAST_DISTINCT_BYTES: Final = 12
"""32 random bytes repeat some, but have fewer distinct ones than this less often than once in 10^18 keys."""

Pairs = list[tuple[str, object]]


@attrs.frozen(kw_only=True)
class Written:
    """A ring's content: keys by id, a token key with its algorithm's name."""

    master_keys: Mapping[str, bytes] = attrs.field(repr=False)
    current_master_key: str
    made_on: Mapping[str, date]
    token_keys: Mapping[str, tuple[str, bytes]] = attrs.field(repr=False)
    current_token_key: str


def write(ring: Written) -> str:
    """Return the ring's text."""
    masters = [
        {"id": id, "key": _encoded(secret)} | ({"made_on": ring.made_on[id].isoformat()} if id in ring.made_on else {})
        for id, secret in ring.master_keys.items()
    ]
    tokens = [
        {"id": id, "algorithm": algorithm, "key": _encoded(secret)}
        for id, (algorithm, secret) in ring.token_keys.items()
    ]
    content = {
        "version": VERSION,
        "current_master_key": ring.current_master_key,
        "master_keys": masters,
        "current_token_key": ring.current_token_key,
        "token_keys": tokens,
    }
    return json.dumps(content, indent=2) + "\n"


def read(text: str, algorithms: Sequence[str]) -> Written:
    """Read a ring's text; raise KeyRingRefused with every finding."""
    try:
        content: object = json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        raise KeyRingRefused("The key ring is not JSON text.") from None
    reading = _Reading(algorithms=algorithms)
    written = reading.ring(content)
    if written is None or reading.findings:
        raise KeyRingRefused("The key ring is not in its format.", reading.findings)
    return written


def _encoded(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


class _Object(dict[str, object]):
    """A JSON object that remembers whether a name came twice; `json` would silently keep the last."""

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.repeats = len(self) != len(pairs)


@attrs.define(kw_only=True)
class _Reading:
    """One pass over a ring's content, which goes on after each finding."""

    algorithms: Sequence[str]
    findings: list[Finding] = attrs.field(factory=list)
    seen: set[bytes] = attrs.field(factory=set)
    made_on: dict[str, date] = attrs.field(factory=dict)

    def ring(self, content: object) -> Written | None:
        names = {"version", "current_master_key", "master_keys", "current_token_key", "token_keys"}
        fields = self._object("", content, names)
        if fields is None:
            return None
        if "version" in fields and (type(fields["version"]) is not int or fields["version"] != VERSION):
            self._found("/version", "unknown_version", f"must be {VERSION}: another version of MindBridge wrote this")
        masters = self._masters(fields["master_keys"]) if "master_keys" in fields else {}
        tokens = self._tokens(fields["token_keys"]) if "token_keys" in fields else {}
        return Written(
            master_keys=masters,
            current_master_key=self._current("current_master_key", fields, masters),
            made_on=self.made_on,
            token_keys=tokens,
            current_token_key=self._current("current_token_key", fields, tokens),
        )

    def _found(self, pointer: str, code: str, message: str) -> None:
        self.findings.append(Finding(pointer, code, message))

    def _object(
        self, pointer: str, content: object, names: set[str], may: frozenset[str] = frozenset()
    ) -> _Object | None:
        if not isinstance(content, _Object):
            self._found(pointer, "invalid_type", "must be an object")
            return None
        if content.repeats:
            self._found(pointer, "duplicate_field", "names a field twice")
        for name in sorted(names - content.keys()):
            self._found(f"{pointer}/{name}", "required", "is required")
        for name in sorted(content.keys() - names - may):
            # A name may be a secret in the wrong place; only what looks like a field's name is shown.
            shown = f"{pointer}/{name}" if FIELD_SHAPE.fullmatch(name) else pointer
            self._found(shown, "unknown_field", "is not a field" if shown != pointer else "has an unknown field")
        return content

    def _entries(
        self, pointer: str, content: object, names: set[str], may: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, _Object]]:
        """Yield the pointer and the fields of each key of a list."""
        if not isinstance(content, list) or not content:
            self._found(pointer, "invalid_type", "must be a list of at least one key")
            return
        ids: set[str] = set()
        for position, entry in enumerate(content):
            fields = self._object(f"{pointer}/{position}", entry, names, may)
            if fields is None:
                continue
            if isinstance(id := fields.get("id"), str) and id in ids:
                self._found(f"{pointer}/{position}/id", "duplicate_id", "is another key's id")
            if isinstance(id, str):
                ids.add(id)
            yield f"{pointer}/{position}", fields

    def _masters(self, content: object) -> dict[str, bytes]:
        masters: dict[str, bytes] = {}
        for at, fields in self._entries("/master_keys", content, {"id", "key"}, frozenset({"made_on"})):
            id = self._id(f"{at}/id", fields)
            masters[id] = self._key(f"{at}/key", fields)
            self._made(f"{at}/made_on", id, fields)
        return masters

    def _tokens(self, content: object) -> dict[str, tuple[str, bytes]]:
        entries = self._entries("/token_keys", content, {"id", "algorithm", "key"})
        return {
            self._id(f"{at}/id", fields): (self._algorithm(f"{at}/algorithm", fields), self._key(f"{at}/key", fields))
            for at, fields in entries
        }

    def _id(self, pointer: str, fields: _Object, name: str = "id") -> str:
        id = fields.get(name)
        if isinstance(id, str) and ID_SHAPE.fullmatch(id):
            return id
        if name in fields:
            self._found(pointer, "invalid_id", "must be 1 to 32 lower-case letters, digits and hyphens")
        return ""

    def _made(self, pointer: str, id: str, fields: _Object) -> None:
        if "made_on" not in fields:
            return
        made_on = fields["made_on"]
        try:
            self.made_on[id] = date.fromisoformat(made_on if isinstance(made_on, str) else "")
        except ValueError:
            self._found(pointer, "invalid_date", "must be a date, as 2026-01-31")

    def _current(self, name: str, fields: _Object, keys: Mapping[str, object]) -> str:
        id = self._id(f"/{name}", fields, name)
        if id and id not in keys:
            self._found(f"/{name}", "unknown_id", "names no key of the ring")
        return id

    def _algorithm(self, pointer: str, fields: _Object) -> str:
        algorithm = fields.get("algorithm")
        if isinstance(algorithm, str) and algorithm in self.algorithms:
            return algorithm
        if "algorithm" in fields:
            self._found(pointer, "invalid_choice", "must be one of: " + ", ".join(self.algorithms))
        return ""

    def _key(self, pointer: str, fields: _Object) -> bytes:
        text = fields.get("key")
        if not isinstance(text, str) or not KEY_SHAPE.fullmatch(text):
            if "key" in fields:
                self._found(pointer, "invalid_key", "must be 32 bytes in base64url: 43 characters")
            return b""
        secret = base64.urlsafe_b64decode(text + "=")
        if _encoded(secret) != text:  # bits that no byte holds: not what was written
            self._found(pointer, "invalid_key", "is not what 32 bytes are in base64url")
        elif len(set(secret)) < LEAST_DISTINCT_BYTES:
            self._found(pointer, "weak_key", "is not random")
        elif secret in self.seen:
            self._found(pointer, "duplicate_key", "is used twice in this ring")
        self.seen.add(secret)
        return secret
