"""Starting jobs: `POST /api/file/workflow/`."""

import base64
import binascii
import hashlib
from typing import Annotated, Self

from fastapi import Header, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from towpath.api.context import Asking, Hub
from towpath.api.forms import EXACT, Flag, MaxTasks, Priority
from towpath.api.jobs import Job, job_after
from towpath.api.routers import Router
from towpath.domain.fairness import Turn
from towpath.domain.patience import RATE_RULE, rate_of
from towpath.domain.reading import shown
from towpath.engine import control
from towpath.engine.inputs import Asked
from towpath.store.database import Tx

router = Router(prefix="/api/file", tags=["jobs"])


BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
TEXT: JsonDict = {"type": "string"}
NOTHING: JsonDict = {"type": "null"}


class PathAsked(BaseModel):
    """A path with what the caller knows of it; a path that is no UTF-8 is given as `path_b64`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": ["path"], "properties": {"path": TEXT, "path_b64": NOTHING}},
                {
                    "required": ["path_b64"],
                    "properties": {"path_b64": {**TEXT, "pattern": BASE64}, "path": NOTHING},
                },
            ],
            "examples": [{"path": "/mnt/oslo/survey", "state": "processed"}],
        },
    )

    path: str | None = Field(default=None, description="Absolute.")
    path_b64: str | None = Field(default=None, description="The same, exactly, in base64.")
    state: str = Field(default="", description="What a rule's `state` is compared with.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.path is None) == (self.path_b64 is None):
            raise ValueError("expected either path or path_b64")
        try:
            base64.b64decode(self.path_b64 or "", validate=True)
        except binascii.Error as error:
            raise ValueError(f"path_b64: expected base64, found something else ({error})") from None
        return self

    def asked(self) -> Asked:
        """The path as the engine takes it."""
        exact = self.path.encode() if self.path is not None else base64.b64decode(self.path_b64 or "")
        return Asked(exact, self.state)


def spelled_out(given: object) -> object:
    """A path that is given as a plain string."""
    return {"path": given} if isinstance(given, str) else given


Given = Annotated[PathAsked, BeforeValidator(spelled_out, json_schema_input_type=str | PathAsked)]
"""A path may also be given as a plain string."""


def _share(given: object) -> object:
    rate = rate_of(given)
    if rate is None:
        raise ValueError(f"{RATE_RULE}, found {shown(given)}")
    return rate


Share = Annotated[float, Field(gt=0, le=1)] | Annotated[str, Field(pattern=r"^[1-9][0-9]?(?:\.[0-9]+)? ?%$")]
Rate = Annotated[float, BeforeValidator(_share, json_schema_input_type=Share)]
"""A share of paths: 0.5, or "50 %"."""


class Submission(BaseModel):
    """A job to start: a workflow over paths of a site."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"workflow": "migrate", "site": "oslo", "paths": ["/mnt/oslo/survey"], "fields": {}}]
        },
    )

    workflow: str = Field(examples=["migrate"])
    site: str = Field(examples=["oslo"])
    queue: str = "default"
    paths: list[Given] = Field(min_length=1, description="Absolute paths beneath roots of the site.")
    discovery: str | None = Field(
        default="workflow",
        description="The name of a discovery; null: the paths as they are; left out: the workflow's own.",
    )
    paths_per_task: Annotated[int, Field(ge=1, le=1000), EXACT] = Field(
        default=1000,
        description="How many of these paths go into a task, where discovery is null.",
    )
    fields: dict[str, bool | int | str] = Field(default={}, examples=[{"destinationsite": "bergen"}])
    priority: Priority = Field(default=0, description="The higher goes first.")
    max_tasks: MaxTasks | None = Field(
        default=None,
        description="How many of its tasks may run at once, its discovery apart; null: any number.",
    )
    stop_on_error_rate: Rate | None = Field(
        default=None,
        description="The job is paused, with the reason, once this share of its newest paths failed (100 at least);"
        " null: as the workflow says.",
        examples=[0.5, "50 %"],
    )
    dry_run: Flag = Field(
        default=False,
        description="Find and sort the paths as the job would, and have each step only say what it would do with them:"
        " nothing is changed. The counts of `/api/jobs/{id}/steps/` are then those that the job would have.",
    )


REPEATED = "Idempotent-Replayed"
"""The header that says, by `true`, that the same request had started the job before."""


@router.post(
    "/workflow/",
    status_code=201,
    summary="Start a job",
    responses={201: {"headers": {REPEATED: {"description": "true: the job had been started before"}}}},
)
async def submit(
    body: Submission,
    hub: Hub,
    asking: Asking,
    response: Response,
    idempotency_key: Annotated[
        str,
        Header(
            max_length=200,
            description="The same key and body give the same job for a day, however often sent; another body with"
            " the same key is refused. Each owner's keys are their own.",
        ),
    ] = "",
) -> Job:
    """Runs a workflow over paths of a site, as a job."""
    order = control.Submission(
        workflow=body.workflow,
        site=body.site,
        queue=body.queue,
        inputs=tuple(path.asked() for path in body.paths),
        fields=body.fields,
        owner=asking.user,
        discovery=body.discovery,
        paths_per_task=body.paths_per_task,
        turn=Turn(body.priority, body.max_tasks),
        stop_on_error_rate=body.stop_on_error_rate,
        idempotency_key=idempotency_key,
        dry=body.dry_run,
        reach=asking.reach,
        body_digest=hashlib.sha256(body.model_dump_json().encode()).digest() if idempotency_key else b"",
    )

    def write(tx: Tx) -> tuple[Job, bool]:
        submitted = control.submit(tx, order)
        return job_after(tx, submitted.job_id), submitted.repeated

    began = hub.now()
    job, repeated = await hub.write(write)
    if repeated:
        response.headers[REPEATED] = "true"
    else:
        hub.trace(job.id, job.workflow, began)
    return job
