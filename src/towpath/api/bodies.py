"""The limit on the size of request bodies."""

from http import HTTPStatus

from starlette.requests import Request
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
        request = Request(scope)
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise TooLarge(self._text())
            return message

        await self._app(scope, counted, send)

    def _text(self) -> str:
        return f"body: expected at most {self._limit} bytes, found more"

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = tell(Request(scope), TooLarge(self._text()))
        response.headers["Connection"] = "close"
        assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        await response(scope, receive, send)
