"""Which rule of a workflow takes a path, and why the others do not."""

import asyncio
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from towpath.api.asking import ask
from towpath.api.context import Asking, Hub
from towpath.api.files import FileType, placed
from towpath.api.routers import Router
from towpath.api.submissions import PathAsked, spelled_out
from towpath.domain.errors import NotFound
from towpath.domain.paths import as_base64, printable
from towpath.domain.rights import Asker
from towpath.domain.rules import RULE_TYPES, Rules, Why, sentence
from towpath.domain.workflow import Taking, read_taking
from towpath.engine import workflows
from towpath.wire import Input, Question, Seen

router = Router(prefix="/api/workflows", tags=["workflows"])

MOST_PATHS = 100
WALKED = "processed"
"""The state that a walk gives to what it finds, where its caller gave none."""


class PathTried(PathAsked):
    """A path to hold against rules."""

    type: FileType | None = Field(
        default=None,
        description="null: as a node of `site` finds it now; without a site, or where the workflow has no discovery,"
        " a file.",
    )


Tried = Annotated[PathTried, BeforeValidator(spelled_out, json_schema_input_type=str | PathTried)]
"""A path may also be given as a plain string."""


class RulesTried(BaseModel):
    """Paths to hold against the rules of a workflow, or of a definition that is no workflow yet."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": ["workflow"], "properties": {"definition": {"type": "null"}}},
                {"required": ["definition"], "properties": {"workflow": {"type": "null"}}},
            ],
            "examples": [{"workflow": "migrate", "paths": [{"path": "survey/a.dat", "type": "file"}]}],
        },
    )

    workflow: str | None = Field(default=None, examples=["migrate"])
    definition: dict[str, object] | None = Field(
        default=None, description="Only what its rules take is looked at: it need not be whole."
    )
    site: str | None = Field(
        default=None,
        description="The paths are absolute ones of this site; null: they are relative to a root.",
        examples=["oslo"],
    )
    paths: list[Tried] = Field(min_length=1, max_length=MOST_PATHS)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.workflow is None) == (self.definition is None):
            raise ValueError("expected either workflow or definition")
        return self


class RuleSaid(BaseModel):
    """What one rule says of a path."""

    rule: int = Field(description="Its place among the rules, from 0 on.", examples=[0])
    why: Why = Field(
        description="`takes` of one rule at most; why the others do not: its type, its state, none of its `include`,"
        " one of its `exclude`, or that a rule which is asked `earlier` takes it.",
        examples=["include"],
    )
    glob: str | None = Field(description="The glob by which it is taken or left out.", examples=["*.dat"])
    text: str = Field(examples=["expected type directory, found file"])


class PathSorted(BaseModel):
    """Which rule takes a path."""

    path: str = Field(
        description="As the rules see it: relative to its root; other bytes than UTF-8, and control characters, are"
        " written as \\xNN.",
        examples=["survey/a.dat"],
    )
    path_b64: str = Field(description="The same, exactly, in base64.")
    root: str | None = Field(description="The root beneath which it lies; null without a site.")
    type: FileType
    state: str = Field(examples=[WALKED])
    rule: int | None = Field(description="The rule that takes it, from 0 on; null: none does.", examples=[0])
    rules: list[RuleSaid]


class PathsSorted(BaseModel):
    """Each path with what the rules say of it, in the order in which they were given."""

    results: list[PathSorted]


@router.post("/which-rule/", summary="Say which rule takes a path, and why the others do not")
async def which_rule(body: RulesTried, hub: Hub, asking: Asking) -> PathsSorted:
    """Held against the rules by the code that jobs sort their paths with; nothing is run and nothing is kept."""
    document: object = body.definition
    if body.workflow is not None:
        name = body.workflow
        document = (await hub.database.read(lambda conn: workflows.get_version(conn, name))).definition
    taking = read_taking(document)
    rules = Rules(taking.conditions)
    site = body.site
    if site is None:
        found = [_relative(tried, taking) for tried in body.paths]
    else:
        found = await asyncio.gather(*(_at(hub, asking, site, tried, taking) for tried in body.paths))
    return PathsSorted(results=[_sorted(rules, taking, *one) for one in found])


def _relative(tried: PathTried, taking: Taking) -> tuple[Input, FileType]:
    """A path without a site, as a walk from its root would find it."""
    path = tried.asked().path.strip(b"/")
    return Input("", path, _state(tried, taking)), tried.type or FileType.FILE


async def _at(hub: Hub, asking: Asker, site: str, tried: PathTried, taking: Taking) -> tuple[Input, FileType]:
    """A path of a site, beneath its root, with the type that a node finds where none is given."""
    exact = tried.asked().path
    given, clean, _ = await hub.database.read(lambda conn: placed(conn, site, exact, asking, "which_rule"))
    found = Input(given.root, given.path, _state(tried, taking))
    if tried.type is not None or not taking.walks:
        return found, tried.type or FileType.FILE
    question = Question(0, "files", "", limit=1, root=given.root, path=given.path)
    _, _, seen = await ask(hub, question, site, Seen)
    if seen.here is None:
        raise NotFound(f"site {site}: nothing is at '{printable(clean)}'; say of which type it is to be")
    return found, FileType(seen.here.type)


def _state(tried: PathTried, taking: Taking) -> str:
    return tried.state or (WALKED if taking.walks else "")


def _sorted(rules: Rules, taking: Taking, given: Input, kind: FileType) -> PathSorted:
    number = RULE_TYPES[kind]
    verdicts = rules.explain(number, given.state, given.path)
    said = [
        RuleSaid(rule=at, why=one.why, glob=one.glob, text=sentence(condition, one, number, given.state))
        for at, (condition, one) in enumerate(zip(taking.conditions, verdicts, strict=True))
    ]
    return PathSorted(
        path=printable(given.path),
        path_b64=as_base64(given.path),
        root=given.root or None,
        type=kind,
        state=given.state,
        rule=next((one.rule for one in said if one.why is Why.TAKES), None),
        rules=said,
    )
