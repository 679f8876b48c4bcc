"""Requests to a server that end where they become too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
TOO_LARGE = 413


class BodyLimit:
    """ASGI middleware: a request's body of more bytes than allowed is answered with 413.

    What a client says of its length is believed where it is too long already; otherwise what
    comes is counted, and the rest is not read.

    Args:
        app: the application behind it, one that answers Starlette's `HTTPException`.
        most: bytes of a body.
    """

    def __init__(self, app: Any, most: int):
        self.app, self.most = app, most

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self.most:
            await PlainTextResponse("too large", TOO_LARGE)(scope, receive, send)
            return
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.most:
                raise HTTPException(TOO_LARGE, "too large")
            return message

        await self.app(scope, counted, send)
