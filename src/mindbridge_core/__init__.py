"""MindBridge: behavioral-health caseloads kept private and every access accountable.

The pure core. It needs attrs and cattrs only; adapters bring the database, the web and the rest.
"""

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Actor, Anonymous, Operator, Origin, SessionClaim
from mindbridge_core.app import MindBridge, Ports
from mindbridge_core.errors import MindBridgeError

__all__ = [
    "Action",
    "Actor",
    "Anonymous",
    "MindBridge",
    "MindBridgeError",
    "Operator",
    "Origin",
    "Ports",
    "Role",
    "SessionClaim",
]
