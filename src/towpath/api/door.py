"""The door: every request is asked who makes it, and put to the one decision whether they may."""

import secrets
from collections.abc import Mapping

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from towpath.api.context import Context, address_of, context_of
from towpath.api.problems import Unauthenticated
from towpath.api.reach import may_reach, with_reach
from towpath.api.tokens import Kind
from towpath.domain.rights import Asker, Forbidden, Right, Via, decide
from towpath.engine import keys, sign_in

KEY_SCHEME, TOKEN_SCHEME = "Api-Key", "Bearer"
COOKIE = "towpath_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""The cookie's name where it came by HTTPS: browsers let no other host, and no plain HTTP, set one of such a name."""
CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

SCHEMES: Mapping[str, Mapping[str, str]] = {
    KEY_SCHEME: {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": f"`{KEY_SCHEME} …` with a key of this hub",
    },
    "Token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of `POST /api/auth/token/`",
    },
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"The cookie of `POST /api/auth/session/` (`{SECURE_COOKIE}` over HTTPS); calls that change"
        f" something send `{CSRF_HEADER}` too",
    },
}
"""By what somebody shows who they are, as the contract has it."""

READING = (
    "list_jobs show_job list_steps list_wishes list_paths list_tasks show_task list_workflows show_workflow"
    " export_workflow list_versions show_version diff_versions show_schema which_rule"
    " list_sites show_site list_queues list_nodes show_node list_limits show_limit list_errors list_buckets show_bucket"
    " list_targets show_target list_objects list_orphans show_orphan list_sweeps show_sweep"
    " list_spaces show_space list_usage show_usage download_report list_files list_history list_events stream_events"
    " show_metrics show_throughput list_alerts show_alert list_alert_rules show_alert_rule list_mutes"
)
RUNNING = (
    "submit change_turn pause resume cancel retry drain_site undrain_site pause_site resume_site cancel_site"
    " drain_node undrain_node change_slots pause_workflow resume_workflow cancel_workflow check_target"
    " check_workflow start_sweep stop_sweep measure_space mute_alerts unmute_alerts"
)
ADMINISTERING = (
    "list_settings change_settings"
    " prune define_workflow import_workflow change_workflow delete_workflow change_site set_limit lift_limit"
    " add_bucket set_credentials"
    " remove_bucket add_target delete_target list_users show_user add_user change_user remove_user unlock_user"
    " make_link list_all_keys make_key_for revoke_any_key list_deeds collect_orphans set_grace"
    " list_webhooks add_webhook show_webhook change_webhook remove_webhook"
    " try_webhook replay_webhook list_deliveries"
    " change_alert_rule list_destinations add_destination show_destination change_destination"
    " remove_destination try_destination list_notices"
    " add_space change_space remove_space list_groups add_group show_group remove_group add_member remove_member"
    " grant_space withdraw_space"
    " list_providers show_provider set_provider remove_provider"
    " list_directories show_directory set_directory remove_directory"
    " add_site remove_node list_join_tokens make_join_token revoke_join_token"
)
OWNING = (
    "show_session end_session list_sessions end_other_session change_password list_keys make_key revoke_key"
)

NEEDS: Mapping[str, Right] = {
    name: right
    for names, right in (
        (READING, Right.READ),
        (RUNNING, Right.RUN),
        (ADMINISTERING, Right.ADMINISTER),
        (OWNING, Right.OWN),
    )
    for name in names.split()
}
"""The right that each operation needs: whatever is not named here is not served."""


def cookie_name(request: Request) -> str:
    """What the session's cookie is called on the way that a request came."""
    return SECURE_COOKIE if request.url.scheme == "https" else COOKIE


def cookie_of(request: Request) -> str | None:
    """The session's cookie, if the request has one."""
    return request.cookies.get(cookie_name(request))


def check_table(routes: list[BaseRoute]) -> None:
    """Raises `LookupError` for an operation behind the door that the table does not name."""
    missing = [route.name for route in routes if isinstance(route, APIRoute) and route.name not in NEEDS]
    if missing:
        raise LookupError(f"api/door.py: no right is named for {', '.join(missing)}")


async def let_in(request: Request) -> None:
    """Say who asks, in `request.state.asker`; raises `Unauthenticated` or `Forbidden`."""
    context = context_of(request)
    header = request.headers.get("authorization")
    asker = await (
        _by_header(context, header) if header else _by_cookie(context, request, cookie_of(request))
    )
    context.rates.count(f"user {asker.user}")
    action = request.scope["route"].name
    needed = NEEDS[action]
    if needed not in asker.rights and may_reach(action):
        asker = await _narrowed(context, request, asker, needed)
    if asker.reach is None:
        decide(asker, action, needed)
    request.state.asker, request.state.needed = asker, needed


async def slow_down(request: Request) -> None:
    """Raises `TooMany` for an address that calls too often what needs nobody to be let in."""
    context_of(request).rates.count(f"address {address_of(request)}")


async def _narrowed(context: Context, request: Request, asker: Asker, needed: Right) -> Asker:
    """The caller as somebody who may do that in the spaces of their groups; unchanged where there is none."""
    found = await context.database.read(lambda conn: with_reach(conn, request, asker, needed))
    return found or asker


async def _by_header(context: Context, header: str) -> Asker:
    scheme, _, secret = header.partition(" ")
    if scheme.lower() == KEY_SCHEME.lower() and secret:
        return await _by_key(context, secret.strip())
    if scheme.lower() == TOKEN_SCHEME.lower() and secret:
        return await _by_token(context, secret.strip())
    raise Unauthenticated(
        f"expected a header 'Authorization: {KEY_SCHEME} …' with a key of this hub, or '{TOKEN_SCHEME} …' with"
        " a token of it"
    )


async def _by_key(context: Context, key: str) -> Asker:
    now = context.clock()
    found = await context.database.glance(lambda conn: keys.open_with_key(conn, key, now))
    if found is None:
        raise Unauthenticated("the hub does not know that API key, or it has expired or was revoked")
    asker, note = found
    if note:
        await context.database.write(lambda tx: keys.note_use(tx, asker.credential))
    return asker


async def _by_token(context: Context, token: str) -> Asker:
    secret = context.tokens.secret_of(Kind.ACCESS, token, context.clock())
    found = await _session(context, Via.TOKEN, secret) if secret else None
    if found is None:
        raise Unauthenticated(
            "expected an access token that is not older than an hour, and whose session stands"
        )
    return found


async def _by_cookie(context: Context, request: Request, cookie: str | None) -> Asker:
    if not cookie:
        raise Unauthenticated(f"expected a header 'Authorization: {KEY_SCHEME} …' with a key of this hub")
    found = await _session(context, Via.SESSION, cookie)
    if found is None:
        raise Unauthenticated("the session has ended; sign in again")
    if request.method not in SAFE:
        sent = request.headers.get(CSRF_HEADER, "")
        if not secrets.compare_digest(sent.encode(), sign_in.csrf_token(cookie).encode()):
            raise Forbidden(
                f"expected the session's own token in the header {CSRF_HEADER}, found another or none"
            )
    return found


async def _session(context: Context, via: Via, secret: str) -> Asker | None:
    now = context.clock()
    found = await context.database.glance(
        lambda conn: sign_in.open_with_secret(conn, via, secret, now, context.lasting)
    )
    if found is None:
        return None
    asker, note = found
    if note:
        await context.database.write(lambda tx: sign_in.note_use(tx, asker.credential))
    return asker
