"""The table of errors: what each that a system or a store can give means for what should be done next."""

from pydantic import BaseModel, Field

from towpath.api.routers import Router
from towpath.domain.error_table import MEANS, rows
from towpath.domain.paths import ErrorClass

router = Router(prefix="/api/errors", tags=["errors"])


class KnownError(BaseModel):
    """An error, and its class; a workflow, or a step of one, may give it another class with `on_error`."""

    name: str = Field(examples=["ESTALE", "503", "SlowDown"])
    error_class: ErrorClass
    about: str = Field(description="What it is, for people.")


class KnownErrors(BaseModel):
    """The whole table. An errno that is not in it is permanent, an HTTP status of 500 or more transient."""

    count: int
    classes: dict[ErrorClass, str] = Field(description="What is done with a path that met such an error.")
    results: list[KnownError]


@router.get("/", summary="List the errors that are known, with their classes")
async def list_errors() -> KnownErrors:
    """The table that decides what becomes of a path that met an error."""
    found = [KnownError(name=row.name, error_class=row.error_class, about=row.about) for row in rows()]
    return KnownErrors(count=len(found), classes=dict(MEANS), results=found)
