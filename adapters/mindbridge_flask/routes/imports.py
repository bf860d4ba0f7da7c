"""Patients from a file."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

import attrs
from flask import Response, request

from mindbridge_core import Action
from mindbridge_core.patients.importing import ImportMode, ImportPlan
from mindbridge_core.validation import BrokenRuleError, checked, ruled
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.importing import ImportResource, Told
from mindbridge_flask.routing import RouteTable
from mindbridge_flask.uploads import CSV_TYPE, Upload

__all__ = ["IMPORTS"]

IMPORTS: Final = RouteTable()

LONGEST_MAPPING: Final = 4096


@attrs.frozen
class HeaderMapping:
    """A JSON object of texts: the file's column to the patient's field, or to nothing where it is passed over."""

    def clean(self, value: object) -> object:
        """Return the text if it is such an object."""
        try:
            mapping = json.loads(str(value)[: LONGEST_MAPPING + 1])
        except (ValueError, RecursionError):
            mapping = None
        if not isinstance(mapping, dict) or not all(isinstance(field, str) for field in mapping.values()):
            code = "invalid_format"
            raise BrokenRuleError(code, f"must be a JSON object of texts, of at most {LONGEST_MAPPING} characters")
        return value

    def schema(self) -> dict[str, object]:
        """Say what the text holds."""
        return {"maxLength": LONGEST_MAPPING, "contentMediaType": "application/json", "pattern": r"^\s*\{"}


@attrs.frozen(kw_only=True)
class ImportQuery:
    """How the file is imported."""

    dry_run: bool = False
    mode: ImportMode = ImportMode.ALL_OR_NOTHING
    mapping: str | None = attrs.field(default=None, metadata=ruled(HeaderMapping()))

    __attrs_post_init__ = checked

    def plan(self) -> ImportPlan:
        """Return what the core is asked for."""
        mapping = {} if self.mapping is None else json.loads(self.mapping)
        return ImportPlan(mode=self.mode, dry_run=self.dry_run, mapping=mapping)


@IMPORTS.route("POST", "/v1/patients/import", Action.PATIENT_IMPORT, refusals=(HTTPStatus.CONFLICT,), media=(CSV_TYPE,))
def import_patients(call: StaffCall, query: ImportQuery, upload: Upload) -> Answer[ImportResource] | Response:
    """Take the people of a CSV file into care: a first row of column names, then a row for each.

    Columns are the fields of a new patient, and `case_manager` for an e-mail; `name` alone is needed. UTF-8, with
    commas, semicolons or tabs. `all_or_nothing` stores nothing of a file with a bad row, `partial` the good rows; with
    `dry_run` nothing is stored. What is wrong is said row by row. The rejected rows come back as CSV, their findings
    in the first column: mended, it can be sent again as it is. Ask for `Accept: text/csv` to get them alone, and all
    of them. A file sent twice stores nobody twice who has an MRN.
    """
    alone = request.accept_mimetypes.best_match(["application/json", CSV_TYPE]) == CSV_TYPE
    told = Told(longest=None) if alone else Told()
    report = call.core.import_patients(call.claim, upload, query.plan(), told)
    if not alone:
        return Answer(content=told.resource(report))
    answer = Response("".join(told.lines).encode(), content_type="text/csv; charset=utf-8; header=present")
    answer.headers["Content-Disposition"] = 'attachment; filename="rejected.csv"'
    return answer
