"""The model asked over real HTTP, at a provider that answers well, slowly, wrongly, hostilely or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import jsonschema
import pytest

from mindbridge_anthropic import AnthropicAssessor, AnthropicSettings
from mindbridge_core import testing
from mindbridge_core.errors import InvalidInput
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    CURRENT_PROMPT,
    AssessmentRequest,
    AssessorFailure,
    AssessorReply,
    FailureReason,
    Usage,
    read_assessment,
)
from mindbridge_core.testing.store import together
from tests.support.provider import GOOD, Provider, Sent, error, json_body, message, provider

KEY = "sk-test-" + 40 * "x"
REQUEST = AssessmentRequest(
    age_band="35-44",
    diagnosis_category="F31",
    medication_adherence_percent=45,
    appointments_missed=2,
    crisis_calls_30days=3,
    days_since_last_appointment="15-30",
    current_risk_level=RiskLevel.MEDIUM,
    manually_escalated=False,
)


@pytest.fixture
def fake() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def opened() -> Iterator[list[AnthropicAssessor]]:
    made: list[AnthropicAssessor] = []
    yield made
    for assessor in made:
        assessor.close()


@attrs.frozen
class Making:
    """Makes assessors of the fake provider, quick to give up."""

    fake: Provider
    opened: list[AnthropicAssessor]

    def __call__(self, **changed: Any) -> AnthropicAssessor:
        enabled = changed.pop("enabled", lambda: True)
        limits = {"budget": 20.0, "timeout": 10.0, "retries": 0, "breaker_failures": 1000} | changed
        settings = AnthropicSettings(api_key=KEY, base_url=self.fake.url, **limits)
        self.opened.append(AnthropicAssessor(settings, enabled=enabled))
        return self.opened[-1]


@pytest.fixture
def make(fake: Provider, opened: list[AnthropicAssessor]) -> Making:
    return Making(fake, opened)


class TestRiskAssessor(testing.RiskAssessorContract):
    @pytest.fixture(autouse=True)
    def _ready(self, make: Making) -> None:
        self.make = make

    def assessor(self) -> AnthropicAssessor:
        return self.make()


class TestRiskAssessorOfAProviderThatIsDown(testing.RiskAssessorContract):
    @pytest.fixture(autouse=True)
    def _ready(self, make: Making) -> None:
        self.make = make
        make.fake.always(error(500, "api_error"))

    def assessor(self) -> AnthropicAssessor:
        return self.make(breaker_failures=3)


def failed(answer: AssessorReply | AssessorFailure) -> FailureReason:
    assert isinstance(answer, AssessorFailure)
    return answer.reason


def test_a_good_answer_is_passed_on_to_the_letter_with_what_it_cost(make: Making, fake: Provider) -> None:
    fake.always(message(GOOD))
    answer = make().assess(REQUEST)
    expected = AssessorReply(
        text=json.dumps(GOOD),
        model="claude-sonnet-5-5",
        prompt_hash=CURRENT_PROMPT.hash,
        usage=Usage(input_tokens=700, output_tokens=90),
    )
    assert expected == answer
    assert RiskLevel.LOW is read_assessment(expected.text).risk_level


def test_the_provider_is_sent_the_request_the_prompt_and_the_schema_and_nothing_else(
    make: Making, fake: Provider
) -> None:
    make(model="claude-opus-5-5").assess(REQUEST)
    ((headers, body),) = fake.requests
    assert f"Bearer {KEY}" == headers["authorization"]
    assert {"model", "max_tokens", "system", "messages", "output_config"} == set(body)
    assert ("claude-opus-5-5", CURRENT_PROMPT.instruction) == (body["model"], body["system"])
    (told,) = body["messages"]
    assert REQUEST.content() == json.loads(told["content"])
    schema = body["output_config"]["format"]["schema"]
    jsonschema.validate(GOOD, schema)
    assert schema["additionalProperties"] is False


def test_what_a_model_says_by_the_schema_is_read_and_what_breaks_it_is_not() -> None:
    jsonschema.validate(GOOD, CURRENT_PROMPT.answer)
    assert read_assessment(json.dumps(GOOD)).risk_score == Decimal(10)
    for broken in ({"risk_level": "none"}, {"risk_score": 101}, {"primary_risk_factor": ""}, {"extra": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(GOOD | broken, CURRENT_PROMPT.answer)
        with pytest.raises(InvalidInput):
            read_assessment(json.dumps(GOOD | broken))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (message(GOOD, stop="refusal"), FailureReason.REFUSED),
        (message(GOOD, stop="max_tokens"), FailureReason.TRUNCATED),
        (message(GOOD, stop="model_context_window_exceeded"), FailureReason.TRUNCATED),
        (message(GOOD, stop="tool_use"), FailureReason.MALFORMED),
        (message(GOOD, stop="something new"), FailureReason.MALFORMED),
        (message(GOOD, content=[]), FailureReason.MALFORMED),
        (message(GOOD, content=None), FailureReason.MALFORMED),
        (message(GOOD, content=[{"type": "text", "text": 7}]), FailureReason.MALFORMED),
        (message(GOOD, usage=None), FailureReason.MALFORMED),
        (json_body([]), FailureReason.MALFORMED),
        (json_body("yes"), FailureReason.MALFORMED),
        (Sent(body=b"<html>busy</html>", headers={"Content-Type": "text/html"}), FailureReason.MALFORMED),
        (error(401, "authentication_error"), FailureReason.UNAVAILABLE),
        (error(404, "not_found_error"), FailureReason.UNAVAILABLE),
        (error(429, "rate_limit_error"), FailureReason.OVERLOADED),
        (error(500, "api_error"), FailureReason.UNAVAILABLE),
        (error(529, "overloaded_error"), FailureReason.OVERLOADED),
        (Sent(hangs_up=True), FailureReason.UNAVAILABLE),
        (Sent(body=b"{", headers={"Content-Type": "application/json"}), FailureReason.MALFORMED),
    ],
)
def test_whatever_else_comes_is_a_reasoned_failure(
    make: Making, fake: Provider, sent: Sent, reason: FailureReason
) -> None:
    fake.always(sent)
    assessor = make()
    assert reason is failed(assessor.assess(REQUEST))
    fake.always(message(GOOD))
    assert isinstance(assessor.assess(REQUEST), AssessorReply)


def test_what_a_refusal_said_is_kept_with_its_reason(make: Making, fake: Provider) -> None:
    fake.always(message("I would rather not.", stop="refusal"))
    answer = make().assess(REQUEST)
    assert isinstance(answer, AssessorFailure)
    assert ("I would rather not.", Usage(input_tokens=700, output_tokens=90)) == (answer.text, answer.usage)


def test_a_redirect_is_not_followed_with_the_key(make: Making, fake: Provider) -> None:
    with provider() as elsewhere:
        fake.always(Sent(status=307, headers={"Location": f"{elsewhere.url}/v1/messages"}))
        assert isinstance(make().assess(REQUEST), AssessorFailure)
        assert [] == elsewhere.requests


def test_an_answer_without_end_is_cut_off(make: Making, fake: Provider) -> None:
    fake.always(Sent(body=b" " * 3_000_000, headers={"Content-Type": "application/json"}))
    assert failed(make(longest_answer=100_000).assess(REQUEST)) in {FailureReason.UNAVAILABLE, FailureReason.MALFORMED}


def test_nobody_there_is_unavailable_at_once(opened: list[AnthropicAssessor]) -> None:
    with provider() as gone:
        url = gone.url
    opened.append(AnthropicAssessor(AnthropicSettings(api_key=KEY, base_url=url, retries=0, budget=5.0)))
    assert FailureReason.UNAVAILABLE is failed(opened[0].assess(REQUEST))


@pytest.mark.parametrize("sent", [attrs.evolve(message(GOOD), delay=40.0), attrs.evolve(message(GOOD), drip=0.1)])
def test_a_provider_that_takes_its_time_is_given_up_within_the_budget(make: Making, fake: Provider, sent: Sent) -> None:
    fake.always(sent)
    assessor = make(budget=1.0, timeout=500.0)
    began = time.monotonic()
    assert FailureReason.TIMEOUT is failed(assessor.assess(REQUEST))
    assert 15.0 > time.monotonic() - began  # not as long as the provider takes, and not as a step may


def test_a_passing_overload_is_tried_again_within_the_budget(make: Making, fake: Provider) -> None:
    fake.in_turn(error(529, "overloaded_error", **{"Retry-After": "0"}), message(GOOD))
    assert isinstance(make(retries=2).assess(REQUEST), AssessorReply)
    assert 2 == len(fake.requests)


def test_with_the_kill_switch_on_nothing_is_sent(make: Making, fake: Provider) -> None:
    allowed = [False]
    assessor = make(enabled=lambda: allowed[0])
    assert not assessor.asks
    assert FailureReason.DISABLED is failed(assessor.assess(REQUEST))
    assert [] == fake.requests
    allowed[0] = True
    assert assessor.asks
    assert isinstance(assessor.assess(REQUEST), AssessorReply)


def test_a_provider_that_keeps_failing_is_left_alone_and_tried_again_later(make: Making, fake: Provider) -> None:
    fake.always(error(500, "api_error"))
    assessor, now = make(breaker_failures=3, breaker_seconds=60.0), [0.0]
    assessor.breaker.clock = lambda: now[0]
    for _ in range(10):
        assert FailureReason.UNAVAILABLE is failed(assessor.assess(REQUEST))
    assert 3 == len(fake.requests)
    now[0] += 61
    assert FailureReason.UNAVAILABLE is failed(assessor.assess(REQUEST))
    assert FailureReason.UNAVAILABLE is failed(assessor.assess(REQUEST))
    assert 4 == len(fake.requests)
    fake.always(message(GOOD))
    now[0] += 61
    assert isinstance(assessor.assess(REQUEST), AssessorReply)
    assert isinstance(assessor.assess(REQUEST), AssessorReply)


def test_nonsense_and_refusals_do_not_open_the_breaker(make: Making, fake: Provider) -> None:
    fake.always(message(GOOD, stop="refusal"))
    assessor = make(breaker_failures=2)
    for _ in range(4):
        assert FailureReason.REFUSED is failed(assessor.assess(REQUEST))
    assert 4 == len(fake.requests)


def test_no_more_requests_are_under_way_than_the_limit(make: Making, fake: Provider) -> None:
    fake.always(attrs.evolve(message(GOOD), delay=0.1))
    assessor = make(at_once=3)
    answers = together(*[lambda: assessor.assess(REQUEST)] * 12)
    assert 12 == sum(isinstance(answer, AssessorReply) for answer in answers)
    assert 3 == fake.most_under_way


def test_who_finds_no_turn_in_time_is_told_so_and_the_breaker_stays_closed(make: Making, fake: Provider) -> None:
    assessor = make(per_minute=1, budget=0.5, breaker_failures=1)
    assert isinstance(assessor.assess(REQUEST), AssessorReply)
    assert FailureReason.OVERLOADED is failed(assessor.assess(REQUEST))
    assert not assessor.breaker.open
    assert 1 == len(fake.requests)


def test_tokens_cost_what_the_settings_say() -> None:
    settings = AnthropicSettings(api_key=KEY, input_price=Decimal(3), output_price=Decimal(15))
    assert Decimal("0.0045") == settings.price(Usage(input_tokens=1000, output_tokens=100))


def test_the_key_is_in_no_representation() -> None:
    settings = AnthropicSettings(api_key=KEY)
    assert KEY not in repr(settings)
    assert KEY not in repr(AnthropicAssessor(settings))


def test_what_asking_needs_can_be_loaded_before() -> None:
    script = (
        "import sys; from mindbridge_anthropic import AnthropicAssessor, AnthropicSettings;"
        "assessor = AnthropicAssessor(AnthropicSettings(api_key='k')); assert 'anthropic' not in sys.modules;"
        "assessor.load(); assert 'anthropic.resources.messages' in sys.modules; assessor.close()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=500)
