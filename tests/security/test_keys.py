from __future__ import annotations

import base64
import json
import operator
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from mindbridge_core.errors import DamagedRecord
from mindbridge_security import (
    KeyRing,
    KeyRingRefused,
    LocalMasterKey,
    TokenAlgorithm,
    TokenKey,
    UnknownMasterKey,
    random_secret,
)
from mindbridge_security.keyfile import require_private


def secrets_of(ring: KeyRing) -> list[bytes]:
    return [*ring.master_keys.values(), *(key.secret for key in ring.token_keys.values())]


def shown(secret: bytes) -> list[str]:
    return [secret.hex(), base64.urlsafe_b64encode(secret).decode()[:20], repr(secret)[2:12]]


def findings_of(content: object) -> list[tuple[str, str]]:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(KeyRingRefused) as refusal:
        KeyRing.parse(text)
    return [(found.pointer, found.code) for found in refusal.value.findings]


@pytest.fixture
def content() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(KeyRing.generate().with_new_token_key().text())
    return written


@pytest.mark.parametrize("algorithm", TokenAlgorithm)
def test_a_ring_comes_back_from_its_text_as_it_was(algorithm: TokenAlgorithm) -> None:
    ring = KeyRing.generate(token_algorithm=algorithm).with_new_master_key().with_new_token_key(TokenAlgorithm.EDDSA)
    assert KeyRing.parse(ring.text()) == ring


def test_two_rings_share_no_key_and_no_id() -> None:
    one, two = KeyRing.generate(), KeyRing.generate()
    assert set(secrets_of(one)).isdisjoint(secrets_of(two))
    assert {one.current_master_key, one.current_token_key}.isdisjoint({two.current_master_key, two.current_token_key})
    assert len(set(secrets_of(one))) == 2


def test_neither_a_ring_nor_its_parts_show_a_secret() -> None:
    ring = KeyRing.generate().with_new_master_key()
    texts = repr([ring, str(ring), *ring.token_keys.values(), LocalMasterKey(ring)])
    assert [hint for secret in secrets_of(ring) for hint in shown(secret) if hint in texts] == []


def test_a_new_key_becomes_current_and_the_older_one_stays() -> None:
    ring = KeyRing.generate(token_algorithm=TokenAlgorithm.EDDSA)
    newer = ring.with_new_master_key().with_new_token_key()
    assert dict(newer.master_keys) == {
        **ring.master_keys,
        newer.current_master_key: newer.master_keys[newer.current_master_key],
    }
    assert newer.current_master_key != ring.current_master_key
    assert newer.current_token_key != ring.current_token_key
    assert [key.algorithm for key in newer.token_keys.values()] == [TokenAlgorithm.EDDSA] * 2
    assert ring.with_new_token_key(TokenAlgorithm.HS256).text().count("HS256") == 1


def test_an_older_key_can_be_taken_out_a_current_or_unknown_one_not() -> None:
    ring = KeyRing.generate()
    newer = ring.with_new_master_key().with_new_token_key()
    left = newer.without(ring.current_master_key).without(ring.current_token_key)
    assert (list(left.master_keys), list(left.token_keys)) == ([newer.current_master_key], [newer.current_token_key])
    for kept in (newer.current_master_key, newer.current_token_key, "unknown"):
        with pytest.raises(ValueError, match="key"):
            newer.without(kept)


def test_a_ring_without_its_current_key_or_with_a_short_one_cannot_be() -> None:
    ring = KeyRing.generate()
    broken: list[Callable[[], object]] = [
        lambda: attrs.evolve(ring, current_master_key="other"),
        lambda: attrs.evolve(ring, current_token_key="other"),
        lambda: attrs.evolve(ring, master_keys={ring.current_master_key: b"short"}),
        lambda: TokenKey(algorithm=TokenAlgorithm.HS256, secret=b"short"),
    ]
    for make in broken:
        with pytest.raises(ValueError, match=r"not in the ring|32 bytes"):
            make()


def test_the_keys_of_a_ring_cannot_be_changed_in_place() -> None:
    ring = KeyRing.generate()
    with pytest.raises(TypeError):
        operator.setitem(cast("dict[str, bytes]", ring.master_keys), "other", b"")


@pytest.mark.parametrize("text", ["", "{", "null x", "[" * 100_000, '{"version": 1' + "}" * 3, "\x00"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(KeyRingRefused, match="not JSON"):
        KeyRing.parse(text)


@pytest.mark.parametrize("other", [None, [], 1.5, 1, True])
def test_what_is_no_object_is_refused(other: object) -> None:
    assert findings_of(other) == [("", "invalid_type")]


def test_everything_that_is_wrong_is_found_at_once(content: dict[str, Any]) -> None:
    content["version"] = 2
    content["surplus"] = 1
    content["current_master_key"] = "nobody"
    del content["current_token_key"]
    content["master_keys"].append({"id": content["master_keys"][0]["id"], "key": "short"})
    content["master_keys"].append("text")
    content["token_keys"][0]["algorithm"] = "none"
    content["token_keys"][1] = {"id": "Not An Id", "algorithm": 5, "key": 5, "note": ""}
    assert sorted(findings_of(content)) == [
        ("/current_master_key", "unknown_id"),
        ("/current_token_key", "required"),
        ("/master_keys/1/id", "duplicate_id"),
        ("/master_keys/1/key", "invalid_key"),
        ("/master_keys/2", "invalid_type"),
        ("/surplus", "unknown_field"),
        ("/token_keys/0/algorithm", "invalid_choice"),
        ("/token_keys/1/algorithm", "invalid_choice"),
        ("/token_keys/1/id", "invalid_id"),
        ("/token_keys/1/key", "invalid_key"),
        ("/token_keys/1/note", "unknown_field"),
        ("/version", "unknown_version"),
    ]


def test_every_field_is_required(content: dict[str, Any]) -> None:
    content["master_keys"][0] = content["token_keys"][0] = {}
    content["current_master_key"] = content["token_keys"][1]["id"]
    assert sorted(findings_of(content)) == [
        ("/current_master_key", "unknown_id"),
        ("/master_keys/0/id", "required"),
        ("/master_keys/0/key", "required"),
        ("/token_keys/0/algorithm", "required"),
        ("/token_keys/0/id", "required"),
        ("/token_keys/0/key", "required"),
    ]


@pytest.mark.parametrize("version", [True, 1.0, "1", 0])
def test_only_version_1_is_read(content: dict[str, Any], version: object) -> None:
    assert findings_of(content | {"version": version}) == [("/version", "unknown_version")]


@pytest.mark.parametrize("keys", [[], {}, None, "text"])
def test_a_ring_without_keys_of_a_kind_is_refused(content: dict[str, Any], keys: object) -> None:
    found = findings_of(content | {"master_keys": keys})
    assert found == [("/master_keys", "invalid_type"), ("/current_master_key", "unknown_id")]


@pytest.mark.parametrize("secret", [b"\0" * 32, b"changeme" * 4, b"0123456789a" * 2 + b"0123456789"])
def test_a_key_that_is_not_random_is_refused(content: dict[str, Any], secret: bytes) -> None:
    content["master_keys"][0]["key"] = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    assert findings_of(content) == [("/master_keys/0/key", "weak_key")]


def test_a_key_used_twice_is_refused(content: dict[str, Any]) -> None:
    content["token_keys"][0]["key"] = content["master_keys"][0]["key"]
    assert findings_of(content) == [("/token_keys/0/key", "duplicate_key")]


def test_a_key_has_one_spelling(content: dict[str, Any]) -> None:
    key = content["master_keys"][0]["key"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    content["master_keys"][0]["key"] = key[:-1] + alphabet[alphabet.index(key[-1]) + 1]
    assert findings_of(content) == [("/master_keys/0/key", "invalid_key")]


def test_a_field_named_twice_is_refused() -> None:
    text = KeyRing.generate().text().replace('"version": 1,', '"version": 1, "version": 1,')
    assert findings_of(text) == [("", "duplicate_field")]


def test_a_secret_in_the_wrong_place_is_not_repeated(content: dict[str, Any]) -> None:
    secret = content["master_keys"][0]["key"]
    content[secret] = secret
    content["master_keys"][0] = {"id": secret, "key": secret[:-1], secret: ""}
    content["token_keys"][0]["algorithm"] = content["current_token_key"] = secret
    with pytest.raises(KeyRingRefused) as refusal:
        KeyRing.parse(json.dumps(content))
    assert secret[:10] not in str(refusal.value) + repr(refusal.value) + repr(refusal.value.findings)
    assert len(refusal.value.findings) == 7
    assert refusal.value.__cause__ is None


def test_a_saved_ring_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    ring, path = KeyRing.generate(), tmp_path / "keys.json"
    for umask in (0o000, 0o777):
        before = os.umask(umask)
        try:
            ring.save(path, overwrite=True)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing.load(path) == ring
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


def test_a_ring_is_never_overwritten_unless_told(tmp_path: Path) -> None:
    first, second, path = KeyRing.generate(), KeyRing.generate(), tmp_path / "keys.json"
    first.save(path)
    with pytest.raises(KeyRingRefused, match="already"):
        second.save(path)
    assert KeyRing.load(path) == first
    second.save(path, overwrite=True)
    assert KeyRing.load(path) == second
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


def test_of_many_that_save_at_once_one_wins_and_its_ring_is_whole(tmp_path: Path) -> None:
    rings, path, won = [KeyRing.generate() for _ in range(16)], tmp_path / "keys.json", []

    def save(ring: KeyRing) -> None:
        try:
            ring.save(path)
        except KeyRingRefused:
            return
        won.append(ring)

    threads = [threading.Thread(target=save, args=(ring,)) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [KeyRing.load(path)]


def test_a_ring_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(KeyRingRefused, match="cannot be written"):
        KeyRing.generate().save(tmp_path / "missing" / "keys.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(KeyRingRefused, match="cannot be written"):
        KeyRing.generate().save(tmp_path / "folder", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    KeyRing.generate().save(path)
    path.chmod(mode)
    with pytest.raises(KeyRingRefused, match="chmod 600"):
        KeyRing.load(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_open_to_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    ring, path = KeyRing.generate(), tmp_path / "keys.json"
    ring.save(path)
    path.chmod(mode)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert (KeyRing.load(path), KeyRing.load(link)) == (ring, ring)


def test_a_file_of_another_user_than_ones_own_or_root_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyRing.generate().save(path)
    fields = list(path.stat())
    for owner in (0, os.geteuid()):
        require_private(path, os.stat_result([*fields[:4], owner, *fields[5:]]))
    with pytest.raises(KeyRingRefused, match="another user"):
        require_private(path, os.stat_result([*fields[:4], os.geteuid() + 1, *fields[5:]]))


def test_a_file_that_is_missing_too_large_or_no_plain_text_is_refused(tmp_path: Path) -> None:
    large, binary, pipe = (tmp_path / name for name in ("large", "binary", "pipe"))
    large.write_text(" " * 65_537)
    binary.write_bytes(b"\xff\xfe")
    os.mkfifo(pipe, 0o600)
    large.chmod(0o600)
    binary.chmod(0o600)
    refusals = {
        tmp_path / "missing": "no key ring",
        large: "too large",
        binary: "UTF-8",
        pipe: "plain",
        tmp_path: "plain",
    }
    for path, message in refusals.items():
        with pytest.raises(KeyRingRefused, match=message):
            KeyRing.load(path)


def test_a_file_that_cannot_be_reached_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyRingRefused, match="cannot be opened"):
        KeyRing.load(tmp_path / "file" / "keys.json")


FULL_DISK = """
import pathlib, resource, signal, sys
from mindbridge_security import KeyRing, KeyRingRefused

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
try:
    KeyRing.generate().save(pathlib.Path(sys.argv[1]), overwrite=True)
except KeyRingRefused:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    print("refused")
"""


def test_a_disk_that_is_full_leaves_the_old_ring_and_no_part_of_the_new_one(tmp_path: Path) -> None:
    ring, path = KeyRing.generate(), tmp_path / "keys.json"
    ring.save(path)
    program = [sys.executable, "-c", FULL_DISK, str(path)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("refused\n", "")
    assert KeyRing.load(path) == ring
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


def test_an_older_master_key_unwraps_and_a_missing_one_is_named_as_such() -> None:
    ring = KeyRing.generate()
    wrapped = LocalMasterKey(ring).wrap(b"k" * 32, b"here")
    newer = LocalMasterKey(ring.with_new_master_key())
    assert newer.unwrap(ring.current_master_key, wrapped, b"here") == b"k" * 32
    with pytest.raises(UnknownMasterKey, match="key ring does not hold") as refusal:
        LocalMasterKey(KeyRing.generate()).unwrap(ring.current_master_key, wrapped, b"here")
    assert isinstance(refusal.value, DamagedRecord)
    with pytest.raises(DamagedRecord):
        newer.unwrap(newer.id, wrapped, b"here")


def test_a_random_secret_is_256_bits_in_base64url() -> None:
    made = {random_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secret) for secret in made)


def test_a_ring_remembers_when_its_master_keys_were_made() -> None:
    ring = KeyRing.generate().with_new_master_key()
    today = datetime.now(UTC).date()
    assert all(abs((made_on - today).days) <= 1 for made_on in ring.made_on.values())
    assert ring.made_on.keys() == ring.master_keys.keys()
    assert KeyRing.parse(ring.text()) == ring
    (old,) = ring.master_keys.keys() - {ring.current_master_key}
    assert ring.without(old).made_on.keys() == {ring.current_master_key}


def test_a_ring_of_an_older_release_says_nothing_of_that(content: dict[str, Any]) -> None:
    del content["master_keys"][0]["made_on"]
    ring = KeyRing.parse(json.dumps(content))
    assert ring.made_on == {}
    assert "made_on" not in ring.text()


@pytest.mark.parametrize("made_on", [5, None, "", "yesterday", "2026-13-01", [], "2026-01-01T00:00:00"])
def test_a_time_that_is_no_date_is_refused(content: dict[str, Any], made_on: object) -> None:
    content["master_keys"][0]["made_on"] = made_on
    assert findings_of(content) == [("/master_keys/0/made_on", "invalid_date")]
