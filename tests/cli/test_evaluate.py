"""`mindbridge evaluate`, by rules and by a model at a fake provider; the gate that holds in CI."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import attrs
import pytest

from mindbridge_cli.commands import evaluate
from mindbridge_core.screening import CURRENT_RULES
from tests.cli.conftest import Run
from tests.support.provider import GOOD, error, message, provider
from tests.support.vignettes import golden_set


def test_the_set_that_ships_is_the_generated_one_and_says_that_it_is_synthetic() -> None:
    shipped = json.loads(files("mindbridge_cli").joinpath("data/vignettes.json").read_text("utf-8"))
    assert golden_set() == shipped
    assert 300 == len(shipped["vignettes"])
    assert "synthetic" in shipped["about"]


def test_the_rules_find_all_that_they_should_and_nothing_less(run: Run) -> None:
    ended = run("evaluate", "--json")
    found = json.loads(ended.stdout)
    assert (0, 1.0, 1.0, 0, 0) == (
        ended.exit_code,
        found["sensitivity"],
        found["specificity"],
        found["below_rules"],
        found["failures"],
    )
    assert {"high as high": 110, "low as low": 85, "medium as medium": 105} == found["confusion"]


def test_people_are_told_what_the_figures_rest_on(run: Run) -> None:
    ended = run("evaluate")
    assert 0 == ended.exit_code
    assert ended.stdout.startswith("300 synthetic vignettes")
    assert "held" in ended.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_model_that_reassures_lowers_nothing_and_one_that_fails_is_counted(run: Run) -> None:
    with provider() as fake:
        settings = {"ai_api_key": "k", "ai_base_url": fake.url, "ai_per_minute": "60000", "ai_retries": "0"}
        settings |= {"ai_input_price": "3", "ai_output_price": "15"}
        fake.always(message(GOOD))
        reassured = json.loads(run("evaluate", "--assessor", "model", "--json", **settings).stdout)
        asked = len(fake.requests)
        fake.always(error(500, "api_error"))
        down = json.loads(run("evaluate", "--assessor", "model", "--json", **settings).stdout)
    assert (300, 1.0, 0) == (asked, reassured["sensitivity"], reassured["below_rules"])
    # 300 answers of 700 tokens in and 90 out: 0.63 and 0.405 at these prices.
    assert (210_000, 27_000, "1.035") == (reassured["input_tokens"], reassured["output_tokens"], reassured["cost"])
    assert (0, None) == (down["input_tokens"], down["cost"])
    assert (300, 1.0, 0) == (down["failures"], down["sensitivity"], down["below_rules"])


def test_without_a_model_or_with_the_kill_switch_on_nobody_is_asked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    assert 2 == run("evaluate", "--assessor", "model").exit_code
    assert 2 == run("evaluate", "--assessor", "model", ai_api_key="k", ai_stop_file=str(tmp_path / "stop")).exit_code


def test_a_set_on_which_too_little_is_found_ends_with_three(run: Run, tmp_path: Path) -> None:
    hidden = {
        "id": "hidden",
        "medication_adherence": 90,
        "appointments_missed": 0,
        "crisis_calls_30days": 0,
        "days_since_last_appointment": 1,
        "level": "high",
    }
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"about": "one that the rules cannot see", "vignettes": [hidden]}), "utf-8")
    ended = run("evaluate", str(path))
    assert 3 == ended.exit_code
    assert "NOT HELD: missed hidden" in ended.stdout
    assert 0 == run("evaluate", str(path), "--least-sensitivity", "0").exit_code


def test_the_gate_ends_with_three_when_a_rule_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(rule for rule in CURRENT_RULES.rules if not rule.id.startswith("crisis_calls"))
    monkeypatch.setattr(evaluate, "CURRENT_RULES", attrs.evolve(CURRENT_RULES, version="crippled", rules=kept))
    ended = run("evaluate")
    assert 3 == ended.exit_code
    assert "NOT HELD: missed v001" in ended.stdout


@pytest.mark.parametrize("text", ["", "[", "[]", '{"about": "x", "vignettes": [{}]}'])
def test_a_file_that_is_no_set_is_refused(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "set.json"
    path.write_text(text, "utf-8")
    ended = run("evaluate", str(path))
    assert ended.exit_code in {1, 2}
    assert "Traceback" not in ended.output
