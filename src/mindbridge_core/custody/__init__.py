"""The keeping of the clinics' keys: new versions, new wrappings, and the end of old ones."""

from mindbridge_core.custody.ports import CellCount, CustodyUnit, KeyMaking, KeyStore

__all__ = ["CellCount", "CustodyUnit", "KeyMaking", "KeyStore"]
