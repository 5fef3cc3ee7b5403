"""The limit on the size of request bodies."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towpath.api.problems import TooLarge, tell


class LimitBodies:
    """Refuses a body of more than `limit` bytes, however it is announced, before it is held in memory."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refusal(scope)(scope, receive, send)
            return
        taken, refused = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(self._text())
            return message

        async def answer(message: Message) -> None:
            nonlocal refused
            if taken <= self._limit:
                await send(message)
            elif not refused:
                # Whatever the app makes of a body that broke off, this is the reason.
                refused = True
                await self._refusal(scope)(scope, receive, send)

        await self._app(scope, counted, answer)

    def _text(self) -> str:
        return f"body: expected at most {self._limit} bytes, found more"

    def _refusal(self, scope: Scope) -> Response:
        response = tell(Request(scope), TooLarge(self._text()))
        response.headers["Connection"] = "close"
        return response
