"""The OpenAPI 3.1 document of exactly the routes that are served."""

from mindbridge_flask.openapi.document import describe

__all__ = ["describe"]
