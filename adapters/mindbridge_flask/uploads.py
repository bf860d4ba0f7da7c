"""Files that are sent to be worked on. They stay in memory: what they hold may lie on no disk unsealed."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from io import BytesIO
from typing import IO, Final

import attrs
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from mindbridge_flask.refusals import Refusal

__all__ = ["CSV_TYPE", "FORM_TYPE", "Upload", "csv_upload"]

CSV_TYPE: Final = "text/csv"
FORM_TYPE: Final = "multipart/form-data"
FIELD: Final = "file"
CHUNK: Final = 64 * 1024


@attrs.frozen
class Upload:
    """A file that was sent. Calling it yields its bytes from the beginning, as an import reads them."""

    held: memoryview = attrs.field(repr=False)

    def __call__(self) -> Iterator[bytes]:
        """Yield the file in pieces."""
        return (bytes(self.held[at : at + CHUNK]) for at in range(0, len(self.held), CHUNK))


def csv_upload(request: Request, limit: int) -> Upload:
    """Return the CSV file that is the body, or that a form in it holds as `file`.

    Raises Refusal: 413 longer than `limit` bytes, 415 neither CSV in UTF-8 nor a form, 400 a form without a file.
    """
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise _unsupported("Send the file without a content coding.")
    request.max_content_length = limit + 1  # a body of no declared length (chunked) is cut in silence at the maximum
    if request.mimetype == CSV_TYPE:
        if request.mimetype_params.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
            raise _unsupported("Send the file in UTF-8.")
    elif request.mimetype != FORM_TYPE:
        raise _unsupported("Send the file as text/csv, or as `file` in multipart/form-data.")
    held = request.get_data(cache=False)
    if len(held) > limit:
        raise RequestEntityTooLarge
    return Upload(memoryview(held if request.mimetype == CSV_TYPE else _file_of_form(request, held)))


def _unsupported(detail: str) -> Refusal:
    headers = {"Accept": f"{CSV_TYPE}, {FORM_TYPE}"}
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail, headers=headers)


def _in_memory(*_: object, **__: object) -> IO[bytes]:
    """Take the place of the framework's temporary files."""
    return BytesIO()


def _file_of_form(request: Request, held: bytes) -> bytes:
    parser = FormDataParser(stream_factory=_in_memory, max_form_parts=8, silent=False)
    try:
        _, fields, files = parser.parse(BytesIO(held), request.mimetype, len(held), dict(request.mimetype_params))
    except ValueError:  # which may quote the body
        raise _no_form() from None
    if len(fields) or list(files) != [FIELD] or len(files.getlist(FIELD)) > 1:
        raise _no_form()
    return files[FIELD].stream.read()


def _no_form() -> Refusal:
    detail = "The form must hold one file, named `file`, and nothing else."
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid_form", detail)
