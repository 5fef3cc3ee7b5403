"""Alerts: what stands, what stood, from where on things are told, and of what nobody is told for a while."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal, Self

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Caller, Hub
from towpath.api.forms import MOST_EXACT, Flag, Moment, Number, Share
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with, numbers_of
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at, microseconds
from towpath.domain.alerts import LONGEST_WHY, RULES, AlertKind, Severity, Unit
from towpath.domain.alerts import Mute as Meant
from towpath.engine import alert_rules, alerts
from towpath.engine.alert_rules import MuteView, RuleChange, RuleView
from towpath.engine.alerts import AlertFilter, AlertView
from towpath.store.database import Tx

router = Router(prefix="/api/alerts", tags=["alerts"])


class Mute(BaseModel):
    """Of which alerts nobody is told for a while."""

    id: int
    kind: AlertKind | None = Field(description="null: any.")
    thing: str | None = Field(description="null: any.", examples=["site/oslo"])
    why: str
    until: datetime | None = Field(description="null: until it is taken back.")
    by: str
    at: datetime

    @classmethod
    def of(cls, mute: MuteView) -> Self:
        """The mute as the API shows it."""
        return cls(
            id=mute.id,
            kind=AlertKind(mute.kind) if mute.kind else None,
            thing=mute.thing or None,
            why=mute.why,
            until=maybe_at(mute.until),
            by=mute.by,
            at=at(mute.at),
        )


class Alert(BaseModel):
    """Something of which people are told unasked; there is one open alert at most of each kind and thing."""

    id: int
    kind: AlertKind
    thing: str = Field(
        description="`site/NAME`, `node/SITE/NAME`, `job/ID`, `root/SITE/NAME` or `hub/NAME`.",
        examples=["node/oslo/n1"],
    )
    severity: Severity
    site: str | None
    node: str | None
    job: int | None
    sentence: str = Field(description="Why it was raised.")
    raised_at: datetime
    cleared_at: datetime | None = Field(description="null: it stands.")
    muted: Mute | None = Field(description="Why nobody is told of it, while it stands.")

    @classmethod
    def of(cls, alert: AlertView) -> Self:
        """The alert as the API shows it."""
        return cls(
            id=alert.id,
            kind=AlertKind(alert.kind),
            thing=alert.thing,
            severity=Severity(alert.severity),
            site=alert.site or None,
            node=alert.node or None,
            job=alert.job,
            sentence=alert.sentence,
            raised_at=at(alert.raised_at),
            cleared_at=maybe_at(alert.cleared_at),
            muted=Mute.of(alert.muted) if alert.muted else None,
        )


class AlertRule(BaseModel):
    """From where on things of one kind are told, and how gravely."""

    kind: AlertKind
    says: str = Field(description="What the threshold means.")
    enabled: bool
    severity: Severity
    threshold: float
    unit: Unit
    lowest: float
    highest: float
    set_by: str | None = Field(description="null: as it came.")
    set_at: datetime | None

    @classmethod
    def of(cls, rule: RuleView) -> Self:
        """The rule as the API shows it."""
        known = RULES[rule.kind]
        return cls(
            kind=rule.kind,
            says=known.says,
            enabled=rule.enabled,
            severity=rule.severity,
            threshold=rule.threshold,
            unit=known.unit,
            lowest=known.lowest,
            highest=known.highest,
            set_by=rule.set_by,
            set_at=maybe_at(rule.set_at),
        )


class AlertRules(BaseModel):
    """The rules of all kinds."""

    count: int
    results: list[AlertRule]


class AlertRuleChange(BaseModel):
    """What to change of a rule; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    enabled: Flag | None = None
    severity: Severity | None = None
    threshold: Share | None = Field(default=None, examples=[85])


class Mutes(BaseModel):
    """The mutes that hold."""

    count: int
    results: list[Mute]


class NewMute(BaseModel):
    """Of which alerts nobody is to be told."""

    model_config = ConfigDict(extra="forbid")

    kind: AlertKind | None = Field(default=None, description="null: any.", examples=["node.offline"])
    thing: str | None = Field(
        default=None, max_length=320, description="null: any.", examples=["node/oslo/n1"]
    )
    why: str = Field(min_length=1, max_length=LONGEST_WHY, examples=["its disk is being replaced"])
    until: Moment | None = Field(
        default=None, description="null: until it is taken back.", examples=["2099-01-01T00:00:00Z"]
    )


def _listing(wanted: AlertFilter, now: int) -> Listing[AlertView, Alert]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[AlertView]:
        numbers = numbers_of(cursor, 1)
        return alerts.list_alerts(conn, wanted, now, limit, numbers[0] if numbers else None, skip)

    return Listing(read, lambda one: str(one.id), Alert.of)


@router.get("/", response_model=Page[Alert], responses=AS_LINES, summary="List alerts")
async def list_alerts(  # noqa: PLR0913, PLR0917  each is a parameter of the query
    request: Request,
    hub: Hub,
    paging: Asked,
    state: Annotated[
        Literal["open", "cleared", "all"], Query(description="Those that stand, or not.")
    ] = "open",
    kind: Annotated[AlertKind | None, Query(description="Only those.")] = None,
    severity: Annotated[Severity | None, Query(description="Only those.")] = None,
    site: Annotated[str | None, Query(description="Only those of a site.")] = None,
    job: Annotated[int | None, Query(ge=0, le=MOST_EXACT, description="Only those of a job.")] = None,
) -> Page[Alert] | Response:
    """The newest first; of more than 10,000 `count` says 10,000."""
    is_open = None if state == "all" else state == "open"
    wanted = AlertFilter(is_open, kind, severity, site, job)
    listing = _listing(wanted, hub.context.clock())
    return await answer_with(
        request, hub.database, paging, listing, lambda conn: alerts.count_alerts(conn, wanted)
    )


@router.get("/{alert_id:int}/", summary="Show an alert")
async def show_alert(alert_id: Number, hub: Hub) -> Alert:
    """An alert, whether it stands or was cleared."""
    now = hub.context.clock()
    return await hub.database.read(lambda conn: Alert.of(alerts.get_alert(conn, alert_id, now)))


@router.get("/rules/", summary="List the rules of alerts")
async def list_alert_rules(hub: Hub) -> AlertRules:
    """One for each kind of alert."""
    found = await hub.database.read(alert_rules.list_rules)
    return AlertRules(count=len(found), results=[AlertRule.of(rule) for rule in found])


@router.get("/rules/{kind}/", summary="Show a rule of alerts")
async def show_alert_rule(kind: AlertKind, hub: Hub) -> AlertRule:
    """The rule of one kind."""
    return await hub.database.read(lambda conn: AlertRule.of(alert_rules.get_rule(conn, kind)))


@router.patch("/rules/{kind}/", summary="Change a rule of alerts")
async def change_alert_rule(kind: AlertKind, body: AlertRuleChange, hub: Hub, caller: Caller) -> AlertRule:
    """It holds from the next look on, ten seconds later at most. One that is disabled clears its alerts."""
    change = RuleChange(body.enabled, body.severity, body.threshold)

    def write(tx: Tx) -> AlertRule:
        alert_rules.change_rule(tx, kind, change, caller)
        return AlertRule.of(alert_rules.get_rule(tx.conn, kind))

    return await hub.write(write)


@router.get("/mutes/", summary="List mutes of alerts")
async def list_mutes(hub: Hub) -> Mutes:
    """Those that hold, the oldest first."""
    now = hub.context.clock()
    found = await hub.database.read(lambda conn: alert_rules.list_mutes(conn, now))
    return Mutes(count=len(found), results=[Mute.of(mute) for mute in found])


@router.post("/mutes/", status_code=HTTPStatus.CREATED, summary="Mute alerts")
async def mute_alerts(body: NewMute, hub: Hub, caller: Caller) -> Mute:
    """They are raised, listed and cleared as ever; nobody is told until then, and then of those that stand yet."""
    meant = Meant(body.kind or "", body.thing or "")
    until = None if body.until is None else microseconds(body.until)
    return await hub.write(lambda tx: Mute.of(alert_rules.mute(tx, meant, body.why, until, caller)))


@router.delete("/mutes/{mute_id:int}/", status_code=HTTPStatus.NO_CONTENT, summary="Take a mute back")
async def unmute_alerts(mute_id: Number, hub: Hub) -> Response:
    """Of those that stand people are told within ten seconds."""
    await hub.write(lambda tx: alert_rules.unmute(tx, mute_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)
