"""What is served beside `mindbridge serve`, each made in its worker; settings come by the product's own variables."""

from __future__ import annotations

from flask import Flask, Response, jsonify

from benchmarks import composition
from mindbridge_cli.compose import compose, web_application
from mindbridge_cli.logs import configure_logs
from mindbridge_cli.settings import load_settings

__all__ = ["bare", "unaudited", "unencrypted"]


def unaudited() -> Flask:
    """Return the product without its audit trail."""
    settings = load_settings()
    configure_logs(settings.log_level)
    return web_application(composition.unaudited(compose(settings)), settings)


def unencrypted() -> Flask:
    """Return the product without encryption."""
    settings = load_settings()
    configure_logs(settings.log_level)
    return web_application(composition.unencrypted(compose(settings)), settings)


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
