"""MindBridge over HTTP: a Blueprint that any Flask application can mount, and our own server's application."""

from mindbridge_flask.app import create_app
from mindbridge_flask.blueprint import create_blueprint
from mindbridge_flask.events import Streams
from mindbridge_flask.settings import HttpSettings

__all__ = ["HttpSettings", "Streams", "create_app", "create_blueprint"]
