"""The API as an ASGI application."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from towpath import __version__
from towpath.api import (
    alerts,
    auth,
    buckets,
    contract,
    deeds,
    definitions,
    destinations,
    directories,
    errors,
    events,
    files,
    groups,
    health,
    history,
    jobs,
    joining,
    keys,
    limits,
    metrics,
    nodes,
    oidc,
    orphans,
    paths,
    problems,
    providers,
    pruning,
    queues,
    reports,
    sites,
    spaces,
    submissions,
    target_questions,
    targets,
    tasks,
    throughput,
    usage,
    users,
    webhooks,
    which,
    workflows,
)
from towpath.api import (
    settings as live,
)
from towpath.api.bodies import LimitBodies
from towpath.api.characters import refuse_broken
from towpath.api.context import Context
from towpath.api.door import check_table, let_in
from towpath.api.edge import Edge
from towpath.api.feed import Feed
from towpath.api.held import add_tag
from towpath.api.leaflets import Leaflet
from towpath.api.measures import Measures, Timed
from towpath.api.rates import Rates
from towpath.api.screens import Screens
from towpath.api.sharing import Sharing
from towpath.api.tokens import Tokens
from towpath.config import HubSettings
from towpath.domain.traces import Telling, Traces
from towpath.store.database import Database

ABOUT = """Towpath runs data workflows over many sites.

Send `Authorization: Api-Key …` with each request (`towpath key add` prints a key, and `towpath up` writes one into
`client.toml` in its home), or `Authorization: Bearer …` with a token, or the cookie of a session.
Lists come as pages (`count`, `next`, `previous`, `results`); add `format=jsonl` for all rows, one a line.
Errors are RFC 9457 problem bodies."""

OPEN_TO_ALL = (health.router, auth.open_router, oidc.open_router, joining.open_router)
FOR_CALLERS = (
    submissions.router,
    jobs.router,
    tasks.router,
    paths.router,
    reports.router,
    definitions.router,
    which.router,
    workflows.router,
    sites.router,
    files.router,
    history.router,
    spaces.router,
    throughput.router,
    usage.router,
    queues.router,
    nodes.router,
    joining.router,
    limits.router,
    pruning.router,
    errors.router,
    buckets.router,
    orphans.router,
    targets.router,
    target_questions.router,
    auth.router,
    keys.router,
    users.router,
    groups.router,
    providers.router,
    directories.router,
    deeds.router,
    events.router,
    webhooks.router,
    alerts.router,
    destinations.router,
    metrics.router,
    live.router,
)


class Hub(FastAPI):
    """The application, with a contract that says all that may be answered."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if not self.openapi_schema:
            self.openapi_schema = contract.complete(super().openapi())
        return self.openapi_schema


def verbs_at(path: str) -> list[str]:
    """With which methods a path of the API can be asked; a path that is spelled out hides one with a parameter."""
    routes = [route for router in (*OPEN_TO_ALL, *FOR_CALLERS) for route in router.routes]
    fit = [route for route in routes if isinstance(route, APIRoute) and route.path_regex.match(path)]
    fewest = min((len(route.param_convertors) for route in fit), default=0)
    asked = [route for route in fit if len(route.param_convertors) == fewest]
    return sorted({verb for route in asked for verb in route.methods or ()}) or ["GET"]


def create_app(
    database: Database,
    settings: HubSettings,
    hub_key: bytes,
    hears_bus: Callable[[], Awaitable[bool]],
    clock: Callable[[], int],
    traces: Telling | None = None,
) -> Hub:
    """The API over a database; `hub_key` encrypts secrets, `hears_bus` says whether nodes could be heard now.

    `clock` gives microseconds since 1970; `traces` is told of jobs that are submitted.
    """
    app = Hub(
        title="Towpath",
        version=__version__,
        description=ABOUT,
        generate_unique_id_function=lambda route: route.name,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    feed = Feed(database, events.frame)
    measures = Measures(clock, lambda: feed.listeners)
    database.on_counted = measures.count
    app.state.context = Context(
        database,
        settings,
        hub_key,
        hears_bus,
        clock,
        Tokens(hub_key),
        feed,
        measures,
        Rates(settings.requests_per_minute),
        Rates(joining.ATTEMPTS),
        Rates(oidc.REFUSALS),
        Sharing(database),
        Traces(hub_key, traces) if traces else None,
    )
    problems.install(app)
    app.add_middleware(LimitBodies, limit=settings.max_body)
    app.add_middleware(Edge, front=settings.front)
    app.add_middleware(Timed, measures=measures)
    _add_routes(app)
    _add_pages(app, settings.ui)
    app.state.verbs_at = verbs_at
    return app


async def _enter(request: Request, response: Response) -> None:
    """What comes before every operation that not everybody may call, in one piece: each piece costs every request."""
    await let_in(request)
    await refuse_broken(request)
    await add_tag(request, response)


def _add_routes(app: FastAPI) -> None:
    for router in OPEN_TO_ALL:
        app.include_router(router, dependencies=[Depends(refuse_broken)])
    for router in FOR_CALLERS:
        app.include_router(router, dependencies=[Depends(_enter)])
        check_table(router.routes)


def _add_pages(app: FastAPI, ui: Path | None) -> None:
    if ui is None:
        _add_welcome(app)
    else:
        app.router.default = Screens(ui, app.router.not_found)
    page = Leaflet("docs.html")

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """The reference of the API, from this host alone."""
        return page.answer()


def _add_welcome(app: FastAPI) -> None:
    """What there is to see where Towpath was installed without its UI."""
    welcome = Leaflet("welcome.html")

    @app.get("/welcome", include_in_schema=False)
    async def set_password_page() -> HTMLResponse:
        """Where a one-time link leads; the code behind the # never reaches the server's log."""
        return welcome.answer()

    @app.get("/", include_in_schema=False)
    async def front() -> RedirectResponse:
        """The reference: there is no more to see."""
        return RedirectResponse("/api/docs")
