"""Every route, in the order in which the documentation shows them."""

from itertools import chain

from mindbridge_flask.routes.alerts import ALERTS
from mindbridge_flask.routes.audit import AUDIT
from mindbridge_flask.routes.auth import AUTH
from mindbridge_flask.routes.care import CARE
from mindbridge_flask.routes.clinic import CLINIC
from mindbridge_flask.routes.imports import IMPORTS
from mindbridge_flask.routes.invitations import INVITATIONS
from mindbridge_flask.routes.mfa import MFA
from mindbridge_flask.routes.oversight import OVERSIGHT
from mindbridge_flask.routes.passwords import PASSWORDS
from mindbridge_flask.routes.patients import PATIENTS
from mindbridge_flask.routes.privacy import PRIVACY
from mindbridge_flask.routes.screenings import SCREENINGS
from mindbridge_flask.routes.service import SERVICE
from mindbridge_flask.routes.staff import STAFF
from mindbridge_flask.routes.tasks import TASKS
from mindbridge_flask.routing import Route

__all__ = ["ROUTES"]

_PEOPLE = (AUTH, INVITATIONS, PASSWORDS, CLINIC, MFA, STAFF)
_CLINICAL = (PATIENTS, CARE, IMPORTS, SCREENINGS, TASKS, ALERTS)

ROUTES: tuple[Route, ...] = tuple(chain(SERVICE, *_PEOPLE, *_CLINICAL, AUDIT, PRIVACY, OVERSIGHT))
