"""Mount MindBridge twice in an application of your own: at two prefixes, over two cores that share nothing.

The host keeps its routes and its error handlers. Below the prefixes MindBridge answers for itself.
Run it: `python examples/mount_in_your_app.py`
"""

from __future__ import annotations

from flask import Flask, Response, abort
from flask.testing import FlaskClient

from mindbridge_core import MindBridge, Operator, Role
from mindbridge_core.identity import ClinicDraft, StaffDraft
from mindbridge_flask import HttpSettings, create_blueprint
from mindbridge_memory import memory_ports

PASSWORD = "nine quiet rivers and a lantern"  # noqa: S105 - of an account that lives as long as this program
EMAIL = "sam@clinic.example"


def core_of(clinic: str) -> MindBridge:
    """Compose a core in memory with one clinic and its admin."""
    core = MindBridge.build(memory_ports())
    core.prepare_platform()
    clinic_id = core.open_clinic(ClinicDraft(organization=clinic, name=clinic))
    draft = StaffDraft(email=EMAIL, full_name="Sam Sample", role=Role.ADMIN)
    core.register_staff(Operator(clinic_id=clinic_id), draft, password=PASSWORD)
    return core


def host_application() -> Flask:
    """Return an application that was there before: its own routes, its own words for every error."""
    app = Flask("host")

    @app.get("/")
    def home() -> str:
        return "the host's home"

    @app.get("/break")
    def fail() -> str:
        abort(500)

    @app.errorhandler(404)
    def lost(_: Exception) -> tuple[str, int]:
        return "the host knows no such page", 404

    @app.errorhandler(Exception)
    def broken(_: Exception) -> tuple[str, int]:
        return "the host is sorry", 500

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Served-By"] = "host"
        return response

    return app


def mounted() -> Flask:
    """Return the host with MindBridge mounted for two clinics."""
    app = host_application()
    app.register_blueprint(create_blueprint(core_of("North"), name="north"), url_prefix="/north")
    strict = HttpSettings(body_limit=1024)
    app.register_blueprint(create_blueprint(core_of("South"), name="south", settings=strict), url_prefix="/care/south")
    return app


def log_in(client: FlaskClient, prefix: str) -> dict[str, str]:
    """Return the header of a new session at one mount."""
    answer = client.post(f"{prefix}/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def main() -> None:
    """Show that neither the host nor the other mount notices."""
    client = mounted().test_client()
    north, south = log_in(client, "/north"), log_in(client, "/care/south")
    client.post("/north/v1/patients", json={"name": "Alex Example"}, headers=north)
    shown = [
        ("the host's own page", client.get("/")),
        ("the host's own 404", client.get("/nothing")),
        ("a 404 below a prefix", client.get("/north/nothing")),
        ("North's patients", client.get("/north/v1/patients?include=total", headers=north)),
        ("South's patients", client.get("/care/south/v1/patients?include=total", headers=south)),
        ("North's token at South", client.get("/care/south/v1/patients", headers=north)),
    ]
    for what, answer in shown:
        print(f"{what}: {answer.status_code} {answer.content_type}\n    {answer.text[:160].strip()}")


if __name__ == "__main__":
    main()
