"""The edge of the API: who is at the other end of a connection, by which way they came, and what browsers are told."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from towpath.api.problems import tell
from towpath.config import Front
from towpath.domain.rights import Forbidden

HSTS = b"max-age=31536000"
"""A browser that came by HTTPS once does not try anything else for a year."""

CAREFUL = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer tells a browser, where it does not say otherwise itself: nothing here is a page, or kept."""
SENT = tuple((name.lower().encode(), value.encode()) for name, value in CAREFUL.items())


class Edge:
    """Believes what listed proxies say of whom they speak for, and refuses who comes around them in the clear.

    Tells browsers to be careful with every answer.
    """

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app = app
        self._for_proxies_alone = front.is_for_proxies_alone
        self._proxies = tuple(ip_network(proxy, strict=False) for proxy in front.proxies)
        # Everybody else's X-Forwarded-… say nothing: anybody can send them.
        self._told = ProxyHeadersMiddleware(self._serve, list(front.proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and self._for_proxies_alone and not self._may_come(scope):
            request = Request(scope)
            refusal = Forbidden(
                f"expected HTTPS, through one of this hub's proxies; found plain HTTP from {_peer(scope)}, which is"
                " not among them (--behind-proxy)"
            )
            await tell(request, refusal)(scope, receive, send)
            return
        await self._told(scope, receive, send)  # type: ignore[arg-type]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                said = {name.lower() for name, _value in headers}
                headers += [told for told in SENT if told[0] not in said]
                if scope["scheme"] == "https":
                    headers.append((b"strict-transport-security", HSTS))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, answer)

    def _may_come(self, scope: Scope) -> bool:
        try:
            peer: IPv4Address | IPv6Address = ip_address(_peer(scope))
        except ValueError:
            return False
        own = (scope.get("server") or ("",))[0]
        return peer.is_loopback or str(peer) == own or any(peer in network for network in self._proxies)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
