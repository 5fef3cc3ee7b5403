"""Settings that are changed while hubs run, and how each hub takes them up."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, cast

from pydantic import BaseModel, Field, WithJsonSchema

from towpath.api.context import Caller, Context, Hub
from towpath.api.problems import Malformed
from towpath.api.routers import Router
from towpath.api.times import maybe_at
from towpath.config import HubSettings
from towpath.domain.live_settings import ALL, Value, faults_in
from towpath.domain.live_settings import Setting as Kept
from towpath.engine import live_settings, sign_in
from towpath.engine.live_settings import Chosen
from towpath.engine.sign_in import Lasting
from towpath.store.database import Tx
from towpath.store.engines import Away

router = Router(prefix="/api/settings", tags=["settings"])

LOOK_EVERY: Final = 2.0
"""Seconds between two looks of a hub at what was set at another."""
log = logging.getLogger("towpath.api")


class Setting(BaseModel):
    """A setting, and what may be put there."""

    name: str = Field(examples=["keep_days"])
    value: int | float | str = Field(description="What holds now.", examples=[30])
    default: int | float | str = Field(description="What the hub was started with.", examples=[90])
    description: str = Field(examples=["For how long jobs that are over are kept; 0: for ever."])
    unit: str = Field(examples=["days"])
    least: int | float | None = Field(description="Of a number.", examples=[0])
    most: int | float | None = Field(description="Of a number.", examples=[100_000])
    words: list[str] | None = Field(description="One of which it is, where it is no number.", examples=[None])
    set_by: str | None = Field(description="null: nobody has changed it.", examples=["ana"])
    set_at: datetime | None


class Settings(BaseModel):
    """All settings that can be changed while hubs run."""

    count: int
    results: list[Setting]


def _schema(setting: Kept) -> dict[str, object]:
    if setting.words:
        return {"enum": [*setting.words, None]}
    return {"type": ["number", "null"], "minimum": setting.least, "maximum": setting.most}


Change = Annotated[
    dict[str, object],
    WithJsonSchema(
        {
            "type": "object",
            "title": "Changes",
            "description": "Setting → its new value; null: as the hub was started.",
            "examples": [{"keep_days": 30}],
            "properties": {name: _schema(setting) for name, setting in ALL.items()},
            "additionalProperties": False,
        }
    ),
]


def started_with(settings: HubSettings) -> dict[str, Value]:
    """What holds at a hub where nothing was set."""
    return {
        "requests_per_minute": settings.requests_per_minute,
        "keep_days": settings.keep_days,
        "keep_events_days": settings.keep_events_days,
        "session_hours": sign_in.SESSION_SECONDS // sign_in.HOUR,
        "session_idle_hours": sign_in.IDLE_SECONDS // sign_in.HOUR,
        "log_level": "INFO",
    }


def _shown(defaults: Mapping[str, Value], found: Mapping[str, Chosen]) -> Settings:
    rows = []
    for name, setting in ALL.items():
        one = found.get(name)
        is_number = not setting.words
        rows.append(
            Setting(
                name=name,
                value=defaults[name] if one is None else one.value,
                default=defaults[name],
                description=setting.about,
                unit=setting.unit,
                least=setting.least if is_number else None,
                most=setting.most if is_number else None,
                words=list(setting.words) or None,
                set_by=None if one is None else one.by,
                set_at=maybe_at(None if one is None else one.at),
            )
        )
    return Settings(count=len(rows), results=rows)


@router.get("/", summary="List settings that can be changed while hubs run")
async def list_settings(hub: Hub) -> Settings:
    """Each with what holds, what may be put there, and who has changed it."""
    defaults = started_with(hub.context.settings)
    return _shown(defaults, await hub.database.read(live_settings.chosen))


@router.patch("/", summary="Change settings")
async def change_settings(changes: Change, hub: Hub, caller: Caller) -> Settings:
    """Holds at each hub within seconds; what is kept is looked at once an hour. What is left out stays."""
    if faults := faults_in(changes):
        raise Malformed(faults)
    fitting = cast("Mapping[str, Value | None]", changes)
    defaults = started_with(hub.context.settings)

    def write(tx: Tx) -> Settings:
        live_settings.change(tx, fitting, caller)
        return _shown(defaults, live_settings.chosen(tx.conn))

    answer = await hub.write(write)
    await take_up(hub.context)
    return answer


async def take_up(context: Context) -> None:
    """Let what was set hold in this process."""
    defaults = started_with(context.settings)
    held = await context.database.read(lambda conn: live_settings.effective(conn, defaults))
    context.rates.most = int(held["requests_per_minute"])
    whole, idle = (float(held[name]) * sign_in.HOUR for name in ("session_hours", "session_idle_hours"))
    context.lasting = Lasting(whole, idle)
    logging.getLogger().setLevel(str(held["log_level"]))


async def keep_taking_up(context: Context) -> None:
    """Take up what is set at other hubs too, until this is cancelled."""
    while True:
        try:
            await take_up(context)
        except Away:
            log.info("the settings stay as they are until the database answers")
        await asyncio.sleep(LOOK_EVERY)
