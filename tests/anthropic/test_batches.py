"""Batches of questions over real HTTP, at a provider that answers late, in part, wrongly, hostilely or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from mindbridge_anthropic import AnthropicBatches, AnthropicSettings
from mindbridge_anthropic.batches import MOST_QUESTIONS
from mindbridge_core import testing
from mindbridge_core.screening import (
    CURRENT_PROMPT,
    AnswersCutOff,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    BatchAssessor,
    FailureReason,
    Progress,
    Submission,
    Usage,
)
from mindbridge_core.testing.assessor import REQUESTS
from tests.support.batch_provider import by_line, errored, spoken
from tests.support.provider import GOOD, Provider, Sent, error, json_body, provider

KEY = "sk-test-" + 40 * "x"
QUESTIONS = {f"q_{number}-": request for number, request in enumerate(REQUESTS)}
DOWN = {
    "an error": lambda: error(500, "api_error"),
    "overloaded": lambda: error(529, "overloaded_error"),
    "rate limit": lambda: error(429, "rate_limit_error"),
    "no JSON": lambda: Sent(body=b"{", headers={"Content-Type": "application/json"}),
    "hangs up": lambda: Sent(hangs_up=True),
    "elsewhere": lambda: Sent(status=302, headers={"Location": "http://127.0.0.1:1/"}),
}
Heard = dict[str, AssessorReply | AssessorFailure]


@pytest.fixture
def fake() -> Iterator[Provider]:
    with provider() as running:
        yield running


def batches_at(fake: Provider, **changed: Any) -> AnthropicBatches:
    enabled = changed.pop("enabled", lambda: True)
    limits: dict[str, Any] = {"retries": 0, "batch_from": 2, "batch_budget": 20.0} | changed
    return AnthropicBatches(AnthropicSettings(api_key=KEY, base_url=fake.url, **limits), enabled=enabled)


def submitted(asked: BatchAssessor, questions: dict[str, AssessmentRequest] | None = None) -> Submission:
    sent = asked.submit(questions or QUESTIONS)
    assert isinstance(sent, Submission)
    return sent


def heard(asked: BatchAssessor, sent: Submission) -> Heard:
    return dict(asked.answers(sent))


def reason(said: object) -> FailureReason:
    assert isinstance(said, AssessorFailure)
    return said.reason


class TestBatchAssessor(testing.BatchAssessorContract):
    @pytest.fixture(autouse=True)
    def _ready(self, fake: Provider) -> None:
        self.fake = fake

    def batches(self) -> BatchAssessor:
        self.fake.batches.looks = 3
        return batches_at(self.fake)


class TestBatchAssessorThatFails(TestBatchAssessor):
    def batches(self) -> BatchAssessor:
        self.fake.batches.answer = lambda _: errored("overloaded_error")
        return batches_at(self.fake)


class TestBatchAssessorThatIsOff(TestBatchAssessor):
    def batches(self) -> BatchAssessor:
        return batches_at(self.fake, enabled=lambda: False)


def test_what_is_asked_is_what_is_asked_one_by_one(fake: Provider) -> None:
    asked = batches_at(fake)
    submitted(asked)
    ((_, path, headers),) = fake.batches.calls
    assert ("/v1/messages/batches", f"Bearer {KEY}") == (path, headers["authorization"])
    assert set(QUESTIONS) == set(fake.batches.questions)
    for custom_id, params in fake.batches.questions.items():
        assert {"model", "max_tokens", "system", "messages", "output_config"} == set(params)
        assert (CURRENT_PROMPT.instruction, asked.settings.model) == (params["system"], params["model"])
        assert [{"role": "user", "content": CURRENT_PROMPT.question(QUESTIONS[custom_id])}] == params["messages"]
        assert "json_schema" == params["output_config"]["format"]["type"]


def test_answers_come_late_and_in_any_order(fake: Provider) -> None:
    fake.batches.looks = 2
    fake.batches.answer = lambda content: spoken(GOOD | {"primary_risk_factor": content["age_band"]})
    asked = batches_at(fake)
    sent = submitted(asked)
    assert Submission(handle="msgbatch_0", model=asked.settings.model, prompt_hash=CURRENT_PROMPT.hash) == sent
    assert [Progress.UNDER_WAY, Progress.UNDER_WAY, Progress.ENDED] == [asked.look(sent) for _ in range(3)]
    answers = list(asked.answers(sent))
    assert list(reversed(QUESTIONS)) == [custom_id for custom_id, _ in answers]
    for custom_id, said in answers:
        assert isinstance(said, AssessorReply)
        assert QUESTIONS[custom_id].age_band == json.loads(said.text)["primary_risk_factor"]
        assert (Usage(input_tokens=700, output_tokens=90), "claude-sonnet-5-5", CURRENT_PROMPT.hash) == (
            said.usage,
            said.model,
            said.prompt_hash,
        )


def test_the_prompt_of_an_answer_is_the_one_that_was_sent(fake: Provider) -> None:
    asked = batches_at(fake)
    sent = attrs.evolve(submitted(asked), prompt_hash="1" * 64)
    assert {"1" * 64} == {said.prompt_hash for said in heard(asked, sent).values()}


def test_each_question_fares_for_itself(fake: Provider) -> None:
    results = [
        (errored("invalid_request_error"), FailureReason.UNAVAILABLE),
        (errored("overloaded_error"), FailureReason.OVERLOADED),
        (errored("timeout_error"), FailureReason.TIMEOUT),
        ({"type": "expired"}, FailureReason.TIMEOUT),
        ({"type": "canceled"}, FailureReason.UNAVAILABLE),
        ({"type": "succeeded"}, FailureReason.MALFORMED),
        ({"type": "succeeded", "message": [1]}, FailureReason.MALFORMED),
        ({"type": "succeeded", "message": {"content": 5, "_fields_set": 1}}, FailureReason.MALFORMED),
        ({"type": "unheard_of"}, FailureReason.MALFORMED),
        ({"type": "errored", "error": None}, FailureReason.MALFORMED),
        (None, FailureReason.MALFORMED),
        (spoken(GOOD, stop="refusal"), FailureReason.REFUSED),
        (spoken("{", stop="max_tokens"), FailureReason.TRUNCATED),
        (spoken(GOOD, usage={"input_tokens": "many"}), FailureReason.MALFORMED),
    ]
    fake.batches.lines = lambda _: [
        *(by_line(f"x{number}", result) for number, (result, _) in enumerate(results)),
        by_line("good", spoken(GOOD)),
    ]
    asked = batches_at(fake)
    answers = heard(asked, submitted(asked))
    assert [reason for _, reason in results] == [reason(answers[f"x{number}"]) for number in range(len(results))]
    assert isinstance(answers["good"], AssessorReply)


def test_a_hostile_line_spoils_no_other(fake: Provider) -> None:
    good = by_line("good", spoken(GOOD))
    last = by_line("last", spoken(GOOD))
    hostile = [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'{"custom_id": 7, "result": {}}',
        b'{"result": {"type": "expired"}}',
        b'{"custom_id": "big", "result": "' + b"x" * 200_000 + b'"}',
        b"",
        b"NaN",
    ]
    fake.batches.lines = lambda _: [good, *hostile, last]
    asked = batches_at(fake, longest_answer=100_000)
    assert ["good", "last"] == [custom_id for custom_id, _ in asked.answers(submitted(asked))]


def test_ids_that_nobody_gave_and_ids_that_come_twice_are_passed_on(fake: Provider) -> None:
    fake.batches.lines = lambda lines: [*lines, *lines, by_line("unknown", spoken(GOOD))]
    asked = batches_at(fake)
    sent = submitted(asked)
    assert [*QUESTIONS, *QUESTIONS, "unknown"] == [custom_id for custom_id, _ in asked.answers(sent)]


def test_a_body_beyond_all_measure_is_cut_off_and_says_so(fake: Provider) -> None:
    fake.batches.lines = lambda lines: [*lines, b"x" * 300_000]
    asked = batches_at(fake, longest_results=200_000, longest_answer=50_000)
    sent = submitted(asked)
    read: list[str] = []
    with pytest.raises(AnswersCutOff):
        read.extend(custom_id for custom_id, _ in asked.answers(sent))
    assert set(read) <= set(QUESTIONS)


def test_what_drips_is_left_when_the_budget_is_over(fake: Provider) -> None:
    asked = batches_at(fake)
    sent = submitted(asked)
    slow = batches_at(fake, batch_budget=3.0)
    fake.batches.override["look"] = lambda: attrs.evolve(json_body({"id": "x" * 500}), drip=0.05)
    begun = time.monotonic()
    assert FailureReason.TIMEOUT is reason(slow.look(sent))
    fake.batches.override["results"] = lambda: Sent(body=b"x" * 500, drip=0.05)
    with pytest.raises(AnswersCutOff):
        list(slow.answers(sent))
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("way", DOWN)
def test_a_provider_that_is_down_is_a_reason_and_no_answer(fake: Provider, way: str) -> None:
    asked = batches_at(fake)
    sent = submitted(asked)
    fake.batches.override = dict.fromkeys(("submit", "look", "results", "cancel"), DOWN[way])
    for said in (asked.submit(QUESTIONS), asked.look(sent)):
        assert reason(said) in {FailureReason.UNAVAILABLE, FailureReason.OVERLOADED, FailureReason.MALFORMED}
    if way != "no JSON":  # results are read as lines
        with pytest.raises(AnswersCutOff):
            list(asked.answers(sent))
        assert not asked.cancel(sent)


def test_nothing_is_sent_a_second_time_by_itself(fake: Provider) -> None:
    asked = batches_at(fake, retries=2)
    fake.batches.override["submit"] = lambda: error(529, "overloaded_error")
    assert FailureReason.OVERLOADED is reason(asked.submit(QUESTIONS))
    assert ["POST "] == fake.batches.operations


def test_results_are_fetched_from_the_api_that_was_set_whatever_address_the_provider_names(fake: Provider) -> None:
    with provider() as elsewhere:
        fake.batches.results_url = f"{elsewhere.url}/v1/messages/batches/msgbatch_0/results"
        asked = batches_at(fake)
        sent = submitted(asked)
        assert Progress.ENDED is asked.look(sent)
        assert set(QUESTIONS) == set(heard(asked, sent))
        assert [] == elsewhere.batches.calls
        fake.batches.override["results"] = lambda: Sent(
            status=307, headers={"Location": fake.batches.results_url or ""}
        )
        with pytest.raises(AnswersCutOff):
            list(asked.answers(sent))
        assert ([], []) == (elsewhere.batches.calls, elsewhere.requests)


@pytest.mark.parametrize("handle", ["../../v1/models", "http://127.0.0.1:1/x", "", "a b", None, 7])
def test_a_name_that_is_no_name_is_never_part_of_an_address(fake: Provider, handle: object) -> None:
    fake.batches.override["submit"] = lambda: json_body({"id": handle, "type": "message_batch"})
    assert FailureReason.MALFORMED is reason(batches_at(fake).submit(QUESTIONS))
    assert 1 == len(fake.batches.calls)


def test_what_is_gone_is_gone(fake: Provider) -> None:
    asked = batches_at(fake)
    sent = submitted(asked)
    fake.batches.override["look"] = lambda: json_body({"processing_status": "ended", "archived_at": "2026-12-30"})
    assert Progress.GONE is asked.look(sent)
    assert Progress.GONE is asked.look(attrs.evolve(sent, handle="msgbatch_unknown"))
    assert asked.cancel(attrs.evolve(sent, handle="msgbatch_unknown"))


def test_the_kill_switch_stops_sending_and_lets_cancel(fake: Provider) -> None:
    on = [True]
    asked = batches_at(fake, enabled=lambda: on[0])
    sent = submitted(asked)
    on[0] = False
    assert (False, False) == (asked.asks, asked.takes(1_000))
    assert FailureReason.DISABLED is reason(asked.submit(QUESTIONS))
    assert asked.cancel(sent)
    assert ["POST ", "POST /msgbatch_0/cancel"] == fake.batches.operations


def test_it_takes_as_many_as_the_settings_say(fake: Provider) -> None:
    assert [False, True, True] == [batches_at(fake).takes(number) for number in (1, 2, 3)]
    assert not batches_at(fake, batch_from=None).takes(1_000_000)
    too_many = dict.fromkeys((f"q{number}" for number in range(MOST_QUESTIONS + 1)), REQUESTS[0])
    assert FailureReason.UNEXPECTED is reason(batches_at(fake).submit(too_many))
    assert [] == fake.batches.calls
