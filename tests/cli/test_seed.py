"""Data files: read whole or refused with every finding, and loaded so that twice changes nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mindbridge_cli.seed_file import Seed, oakwood, read_seed
from mindbridge_cli.seeding import plant
from mindbridge_core import Operator, Role
from mindbridge_core.errors import DuplicateEmail, InvalidInput
from mindbridge_core.identity import ClinicDraft
from mindbridge_core.patients import PatientFilter
from tests.cli.conftest import Run
from tests.support.product import Product


def sample() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files("mindbridge_cli").joinpath("data/oakwood.json").read_text("utf-8"))
    return content


def seed_of(content: dict[str, Any]) -> Seed:
    return read_seed(json.dumps(content))


def test_oakwood_has_three_members_of_staff_and_ten_patients_five_for_each_case_manager() -> None:
    seed = oakwood()
    assert [Role.ADMIN, Role.CASE_MANAGER, Role.CASE_MANAGER] == [member.role for member in seed.staff]
    managers = [patient.case_manager for patient in seed.patients]
    assert {"maria@oakwood.health": 5, "sarah.kim@oakwood.health": 5} == {
        name: managers.count(name) for name in managers
    }
    assert Decimal("45.0") == seed.patients[0].draft.medication_adherence


def test_everything_wrong_in_a_file_is_told_at_once_and_no_name() -> None:
    content = sample() | {"extra": 1}
    content["clinic"] |= {"npi_number": "1234567890", "nmae": "x"}
    content["organization"] = {"name": "", "tier": "gold"}
    content["users"][0]["role"] = "owner"
    content["users"][1]["email"] = "no e-mail"
    content["users"][2]["email"] = content["users"][0]["email"]
    content["patients"][0] |= {"medication_adherence": "45,0", "case_manager": "nobody@oakwood.health"}
    content["patients"][1] |= {"name": "", "case_manager": None, "case_manager_id": "x"}
    content["patients"][2] = "Jennifer Brown"
    with pytest.raises(InvalidInput) as refused:
        seed_of(content)
    pointers = {found.pointer for found in refused.value.findings}
    assert {
        "/extra",
        "/clinic/nmae",
        "/organization/name",
        "/organization/tier",
        "/users/0/role",
        "/users/1/email",
        "/patients/0/medication_adherence",
        "/patients/0/case_manager",
        "/patients/1/name",
        "/patients/1/case_manager_id",
        "/patients/2",
    } <= pointers
    assert "Jennifer" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"clinic": {"name": "Main", "npi_number": "1234567890"}}, "/clinic/npi_number"),
        ({"clinic": {"name": "Main", "organization": "Other"}}, "/clinic/organization"),
        ({"clinic": None}, "/clinic"),
        ({"users": {}}, "/users"),
        ({"patients": None}, "/patients"),
        ({"users": [*sample()["users"], sample()["users"][0]]}, "/users"),
    ],
)
def test_one_thing_wrong_is_pointed_to(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        seed_of(sample() | change)
    assert pointer in {found.pointer for found in refused.value.findings}


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_seed(text)


def test_a_file_of_a_clinic_alone_is_enough() -> None:
    seed = seed_of({"organization": {"name": "Oak"}, "clinic": {"name": "North"}})
    assert (ClinicDraft(organization="Oak", name="North"), (), ()) == (seed.clinic, seed.staff, seed.patients)


def test_loading_twice_adds_nothing_and_an_interrupted_load_is_completed(product: Product) -> None:
    seed = oakwood()
    half = seed_of(sample() | {"patients": sample()["patients"][:4]})
    first = plant(product.core, half, {})
    second = plant(product.core, seed, {})
    third = plant(product.core, seed, {})
    assert (3, 4) == (first.staff_added, first.patients_added)
    assert (0, 6) == (second.staff_added, second.patients_added)
    assert (0, 0) == (third.staff_added, third.patients_added)
    assert first.clinic_id == third.clinic_id
    page = product.core.list_patients(Operator(clinic_id=first.clinic_id), PatientFilter())
    assert 10 == len(page.items)


def test_patients_of_one_name_are_as_many_as_in_the_file_and_mrns_tell_them_apart(product: Product) -> None:
    twins = [{"name": "Ada Lake"}, {"name": "Ada Lake"}, {"name": "Ada Lake", "mrn": "1"}, {"name": "Bo", "mrn": "2"}]
    seed = seed_of(sample() | {"patients": twins})
    assert 4 == plant(product.core, seed, {}).patients_added
    assert 0 == plant(product.core, seed, {}).patients_added


def test_more_patients_than_a_page_holds_are_recognised(product: Product) -> None:
    seed = seed_of(sample() | {"patients": [{"name": f"Person {number}"} for number in range(120)]})
    assert 120 == plant(product.core, seed, {}).patients_added
    assert 0 == plant(product.core, seed, {}).patients_added


def test_an_e_mail_of_another_clinic_is_refused_and_nothing_admitted(product: Product) -> None:
    plant(product.core, oakwood(), {})
    elsewhere = seed_of(sample() | {"clinic": {"name": "Other Campus"}})
    with pytest.raises(DuplicateEmail):
        plant(product.core, elsewhere, {})


def test_the_command_loads_a_file_once(run: Run, served: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps(sample()))
    first = json.loads(run("seed", str(file), "--json", **served).stdout)
    again = json.loads(run("seed", "--json").stdout)
    assert (3, 10) == (first["staff_added"], first["patients_added"])
    assert {"clinic_id": first["clinic_id"], "staff_added": 0, "patients_added": 0} == again


def test_the_command_tells_what_is_wrong_with_a_file(run: Run, served: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps(sample() | {"users": [{}]}))
    ended = run("seed", str(file), **served)
    assert (1, "") == (ended.exit_code, ended.stdout)
    assert "/users/0/email: is required" in ended.stderr
    assert 2 == run("seed", str(tmp_path / "absent.json")).exit_code
