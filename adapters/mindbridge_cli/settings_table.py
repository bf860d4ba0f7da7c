"""Showing settings to people and programs, with secrets masked."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from mindbridge_cli.settings import Settings, variable

__all__ = ["markdown_table", "shown"]

MASK: Final = "***"


def shown(settings: Settings) -> dict[str, object]:
    """Return the settings by name, as JSON takes them; passwords and keys are masked."""
    return {field.name: _masked(field, getattr(settings, field.name)) for field in attrs.fields(Settings)}


def _masked(field: attrs.Attribute[object], value: object) -> object:
    if value is None:
        return None
    if isinstance(value, Path):
        return str(value)
    if not field.metadata["form"].secret:
        return list(value) if isinstance(value, tuple) else value
    return _without_password(str(value)) if field.name.endswith("_url") else MASK


def _without_password(url: str) -> str:
    """Keep what tells databases apart. Whatever follows the path is dropped: libpq takes passwords there too."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.username}:{MASK}@{parts.hostname}{port}{parts.path}"


def markdown_table() -> str:
    """Return the table of all settings as Markdown, out of the class itself."""
    lines = ["| variable | takes | default | what it is for |", "|---|---|---|---|"]
    for field in attrs.fields(Settings):
        form = field.metadata["form"]
        default = "-" if field.default is None or field.default == () else f"`{_literal(field.default)}`"
        secret = " Secret." if form.secret else ""
        lines.append(f"| `{variable(field.name)}` | {form.takes} | {default} | {form.about}{secret} |")
    return "\n".join(lines) + "\n"


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
