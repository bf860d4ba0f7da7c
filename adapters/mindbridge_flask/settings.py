"""What the HTTP adapter can be told; every default is the safe one."""

from __future__ import annotations

import attrs

__all__ = ["HttpSettings"]


@attrs.frozen(kw_only=True)
class HttpSettings:
    """Limits and policies of one mount.

    `body_limit` is in bytes; a longer body is refused with 413, and so is a file of patients that is longer than
    `import_limit`, which is held in memory. `depth_limit` counts nested arrays and
    objects. `cors_origins` are the origins (`https://host[:port]`) whose scripts may read answers; none
    by default. `hsts` promises HTTPS for two years even where the request itself came in clear, as
    behind a proxy that ends TLS; over HTTPS the promise is always made. `streams` of events may be open at once, each
    takes a thread and ends after `stream_seconds`.
    """

    body_limit: int = attrs.field(default=64 * 1024, validator=attrs.validators.ge(1))
    import_limit: int = attrs.field(default=32 * 1024 * 1024, validator=attrs.validators.ge(1))
    depth_limit: int = attrs.field(default=16, validator=attrs.validators.ge(1))
    cors_origins: frozenset[str] = frozenset()
    hsts: bool = False
    streams: int = attrs.field(default=8, validator=attrs.validators.ge(0))
    stream_seconds: float = attrs.field(default=600.0, validator=attrs.validators.ge(0))
