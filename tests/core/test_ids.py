"""Ids ascend with time; cursors are only those that were given out; time is in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core.clock import require_utc
from mindbridge_core.errors import InvalidInput
from mindbridge_core.ids import uuid7_maker
from mindbridge_core.pagination import Page, Place, decode_cursor, decode_place, encode_cursor, encode_place, page_of
from mindbridge_core.testing.store import together
from tests.core.house import START, FakeClock


@given(st.lists(st.integers(-5_000_000, 5_000_000), min_size=1, max_size=50))
def test_ids_ascend_whatever_the_clock_does(steps: list[int]) -> None:
    clock = FakeClock()
    new_id = uuid7_maker(clock, lambda size: b"\xff" * size)
    made = [new_id()]
    for step in steps:
        clock.forward(microseconds=step)
        made.append(new_id())
    assert made == sorted(set(made))


def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    new_id = uuid7_maker(lambda: START, bytes)
    made = new_id()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(START.timestamp() * 1000)


def test_the_random_bits_are_those_given() -> None:
    made = uuid7_maker(lambda: START, lambda _: b"\xff" * 8)()
    assert made.int & ((1 << 62) - 1) == (1 << 62) - 1


def test_ids_made_in_many_threads_are_all_different() -> None:
    new_id = uuid7_maker(lambda: START, bytes)
    made = together(*[lambda: [new_id() for _ in range(200)]] * 4)
    ids = {one for some in made if isinstance(some, list) for one in some}
    assert len(ids) == 800


@given(st.uuids())
def test_a_cursor_leads_back_to_its_id(after: UUID) -> None:
    text = encode_cursor(after)
    assert text is not None
    assert after == decode_cursor(text)


def test_the_end_of_a_list_has_no_cursor() -> None:
    assert encode_cursor(None) is None


@given(st.text())
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_cursor(text)
    assert [found.code for found in refused.value.findings] == ["invalid_cursor"]


def test_a_cursor_has_one_spelling() -> None:
    text = encode_cursor(UUID(int=0))
    assert text is not None
    for other in (text + "==", text[:-1] + "B", text + "\n", " " + text):
        with pytest.raises(InvalidInput):
            decode_cursor(other)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_place_in_a_history_is_read_back_and_no_other_text_is(at: datetime, key: UUID) -> None:
    text = encode_place(Place(at, key))
    assert text is not None
    assert (decode_place(text), encode_place(None)) == (Place(at, key), None)
    for other in ("", "ü", text[:-1], text[:-4], "_" * 32, text + "AAAA", text + "\n"):
        with pytest.raises(InvalidInput):
            decode_place(other)


def test_one_row_too_many_says_that_more_follow() -> None:
    ids = sorted(uuid4() for _ in range(3))
    rows = [(one, str(one)) for one in ids]
    assert page_of(rows, 2, total=7) == Page(items=(str(ids[0]), str(ids[1])), after=ids[1], total=7)
    assert page_of(rows, 3).after is None
    assert page_of([], 3) == Page(items=(), after=None)


@pytest.mark.parametrize("moment", [START, START.astimezone(timezone(timedelta(0), "GMT"))])
def test_a_time_in_utc_is_taken(moment: datetime) -> None:
    assert moment is require_utc(moment)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=1))])
def test_a_time_that_is_not_in_utc_is_refused(zone: timezone | None) -> None:
    with pytest.raises(ValueError, match="UTC"):
        require_utc(datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=zone))
