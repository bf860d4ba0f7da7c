"""MindBridge: behavioral-health caseloads kept private and every access accountable.

The pure core. It needs attrs and cattrs only; adapters bring the database, the web and the rest. What is named here is
loaded when it is first asked for (PEP 562): whoever imports one of the contexts does not wait for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # pragma: no branch - to a type checker every name would be there

    def __getattr__(name: str) -> object:
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from mindbridge_core import access, actor, app, errors  # noqa: PLC0415 - that it comes late is the point

        found = next(getattr(module, name) for module in (access, actor, app, errors) if name in module.__all__)
        globals()[name] = found
        return found
