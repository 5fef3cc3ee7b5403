"""`GET /metrics`: what Prometheus reads."""

from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response

from towpath.api.context import Hub
from towpath.api.routers import Router
from towpath.store import standing

router = Router(tags=["health"])

FRESH_SECONDS: Final = 5.0
"""How old what was read of the database may be: many who ask cost no more than one."""


@router.get("/metrics", response_class=PlainTextResponse, summary="Measures of this hub, for Prometheus")
async def show_metrics(hub: Hub) -> Response:
    """In the text format. Prometheus signs in with `authorization: {type: Api-Key, credentials_file: …}`."""
    context = hub.context
    now = context.clock()
    if context.looked is None or not 0 <= now - context.looked[0] < FRESH_SECONDS * 1e6:
        context.looked = now, await hub.database.read(standing.look)
    return Response(context.measures.text(context.looked[1]), media_type=CONTENT_TYPE_PLAIN_0_0_4)
