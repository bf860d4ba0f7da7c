"""The HTTP beneath the provider's client: no redirects, which would carry the key away, and answers of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

__all__ = ["bounded_client"]


class _Bounded(httpx2.AsyncByteStream):
    """A body that is cut off, as an error, past so many bytes."""

    def __init__(self, body: httpx2.AsyncByteStream, most: int) -> None:
        self._body = body
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx2.ReadError("the answer is too long")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, self._most)
        return response


def bounded_client(timeout: float, most: int) -> httpx2.AsyncClient:
    """Return a client that waits `timeout` seconds at most for each step and reads `most` bytes of a body."""
    return httpx2.AsyncClient(transport=_BoundedTransport(most), timeout=timeout, follow_redirects=False)
