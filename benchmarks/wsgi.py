"""The applications that the benchmark serves, each made in its worker; what they need is in the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from flask import Flask, Response, jsonify

from benchmarks.composition import compose
from mindbridge_flask import create_app
from mindbridge_postgres import PoolSettings
from mindbridge_security import KeyRing

__all__ = ["bare", "product", "unaudited", "unencrypted"]

URL: Final = "BENCHMARK_URL"
RING: Final = "BENCHMARK_RING"
THREADS: Final = "BENCHMARK_THREADS"


def _product(*, audited: bool = True, encrypted: bool = True) -> Flask:
    pool = PoolSettings(least=1, most=int(os.environ[THREADS]))
    ring = KeyRing.load(Path(os.environ[RING]))
    return create_app(compose(os.environ[URL], ring, pool=pool, audited=audited, encrypted=encrypted).core)


def product() -> Flask:
    """Return the product as it is."""
    return _product()


def unaudited() -> Flask:
    """Return the product without its audit trail."""
    return _product(audited=False)


def unencrypted() -> Flask:
    """Return the product without encryption."""
    return _product(encrypted=False)


def _row(number: int) -> dict[str, object]:
    return {
        "id": f"018cc251-f400-7000-8000-{number:012d}",
        "name": "Dorothea Castellanos",
        "mrn": f"MRN-{number:08d}",
        "date_of_birth": "1971-03-14",
        "diagnosis": "Major depressive disorder, recurrent",
        "diagnosis_code": "F33.1",
        "medication_adherence": 87.5,
        "last_appointment": "2026-03-14",
        "appointments_missed": 1,
        "crisis_calls_30days": 2,
        "current_risk_level": "medium",
        "manually_escalated": False,
        "status": "active",
        "case_manager_id": None,
        "admitted_at": "2024-01-01T00:00:30Z",
        "version": 1,
        "created_at": "2024-01-01T00:00:30Z",
        "updated_at": "2024-01-01T00:00:30Z",
    }


def bare() -> Flask:
    """Return a Flask application that does nothing but answer: a greeting, and 50 rows."""
    app = Flask("bare", static_folder=None)
    rows = [_row(number) for number in range(50)]

    def hello() -> str:
        return "Hello, World!"

    def fifty() -> Response:
        return jsonify(data=rows, pagination={"next_cursor": "AYzCUfQAcACAAAAAAAAAMg", "has_more": True})

    app.add_url_rule("/hello", view_func=hello)
    app.add_url_rule("/rows", view_func=fifty)
    return app
