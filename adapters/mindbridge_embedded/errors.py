"""The one error of this package."""


class EmbeddedPostgresError(RuntimeError):
    """The server cannot be started or stopped; the message says what is wrong and how to mend it."""
