"""The plan of a job: a workflow with its fields filled in, so that each rule has its chain of calls."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from towpath.domain.catalogue import Catalogue, StepSpec
from towpath.domain.errors import Conflict, Mistake, did_you_mean
from towpath.domain.fields import fill_in
from towpath.domain.patience import PLAIN, Bearing, bearing_from_document
from towpath.domain.states import Phase
from towpath.domain.values import Value, fault, name_fault
from towpath.domain.workflow import Definition, Rule, Use, reference

DEFAULT_QUEUE = "default"

FINISH_TYPE = "finish"
"""The type of a branch that takes no path: its one step runs once for the job, when all else is over."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a job runs: its site and queue, the target that is used where none is named ("" = none, and then perhaps
    why there is none), and all sites."""

    site: str
    sites: Collection[str]
    queue: str = DEFAULT_QUEUE
    endpoint: str = ""
    why_no_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One step of a chain, with all that a task of it needs but the paths; `endpoint` is "" where it has no target."""

    step: str
    arguments: Mapping[str, Value]
    site: str
    queue: str
    endpoint: str
    phase: Phase
    bearing: Bearing = PLAIN
    """How it bears errors: what the workflow and the step say, together."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A rule of the plan: which paths it takes, and the chain that they go down."""

    type: str
    state: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    chain: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job will do; kept with the job, so that a later edit of the workflow changes nothing for it."""

    workflow: str
    discovery: str | None
    options: Mapping[str, object]
    site: str
    queue: str
    values: Mapping[str, Value]
    """The fields as they were filled in, defaults included."""
    branches: tuple[Branch, ...]
    stop_on_error_rate: float | None = None
    """The job is paused once this share of its newest paths failed; None: never."""
    dry: bool = False
    """Each step only foresees what it would do."""

    @property
    def taking(self) -> tuple[Branch, ...]:
        """The branches that take paths: one for each rule, in their order; behind them come those of `finish`."""
        return tuple(branch for branch in self.branches if branch.type != FINISH_TYPE)

    @property
    def first_phase(self) -> Phase:
        """The lowest phase in any chain: it may run during discovery."""
        return min(branch.chain[0].phase for branch in self.taking)


def resolve(
    definition: Definition, given: Mapping[str, object], catalogue: Catalogue, ground: Ground
) -> Plan:
    """The plan of a job of this workflow; raises `Mistake` that names each field that is missing or wrong.

    `given` has the fields' values; a bool or an int may be given as text, as a command line does.
    """
    if not definition.enabled:
        raise Conflict(f"workflow {definition.name} is disabled{_why_disabled(definition)}")
    values = fill_in(definition.name, definition.fields, given, ground.sites)
    resolving = _Resolving(definition, values, catalogue, ground)
    return Plan(
        workflow=definition.name,
        discovery=definition.discovery,
        options=resolving.options(),
        site=ground.site,
        queue=ground.queue,
        values=values,
        branches=(*(resolving.branch(rule) for rule in definition.rules), *resolving.finish()),
        stop_on_error_rate=definition.stop_on_error_rate,
    )


def _why_disabled(definition: Definition) -> str:
    reasons = [str(warning) for warning in definition.warnings if warning.text.endswith("is disabled")]
    return f" ({'; '.join(reasons)})" if reasons else "; enable it to run it"


@dataclass(frozen=True, slots=True)
class _Resolving:
    """One resolution under way."""

    definition: Definition
    values: Mapping[str, Value]
    catalogue: Catalogue
    ground: Ground

    def options(self) -> dict[str, object]:
        """The discovery's options that have a value, with the target that it looks at."""
        written = self.definition.discovery_options
        options = {key: value for key in written if (value := self.value(written[key])) is not None}
        spec = self.catalogue.discoveries.get(self.definition.discovery or "")
        if spec is not None and spec.needs_target and not options.get("endpoint"):
            if not self.ground.endpoint:
                why = self.ground.why_no_endpoint or "the site has no default one"
                text = f"needs a target, and {why}; give its option `endpoint`"
                raise Mistake(f"workflow {self.definition.name}, discovery {spec.name}: {text}")
            options["endpoint"] = self.ground.endpoint
        return options

    def branch(self, rule: Rule) -> Branch:
        """A rule with its chain."""
        chain: list[Call] = []
        for use in rule.action:
            if not self.is_last(use):
                chain.append(self.call(use, chain))
        if not chain:
            text = "its steps run once for a job: expected one before them that works on the paths"
            raise Mistake(f"workflow {self.definition.name}: {text}")
        return Branch(rule.type, rule.state, rule.include, rule.exclude, tuple(chain))

    def finish(self) -> list[Branch]:
        """The steps of the last phase, each once, however many rules name it alike."""
        calls: list[Call] = []
        for use in (use for rule in self.definition.rules for use in rule.action if self.is_last(use)):
            call = self.call(use, ())
            if call not in calls:
                calls.append(call)
        return [Branch(FINISH_TYPE, "all", (), (), (call,)) for call in calls]

    def is_last(self, use: Use) -> bool:
        """Whether a step is of the last phase, and so runs once for the job."""
        spec = self.catalogue.find(use.name)
        return spec is not None and spec.phase is Phase.FINISH

    def call(self, use: Use, before: Collection[Call]) -> Call:
        """A step of a chain, given the calls before it: it runs in no earlier phase than they do."""
        spec = self.catalogue.find(use.name)
        if spec is None:
            known = did_you_mean(use.name, self.catalogue.specs)
            raise Mistake(f"workflow {self.definition.name}: unknown step '{use.name}'{known}")
        arguments = self.arguments(spec, use)
        site, queue = self.place(spec, use)
        return Call(
            step=spec.name,
            arguments={k: v for k, v in arguments.items() if k != "endpoint"},
            site=site,
            queue=queue,
            endpoint=str(arguments.get("endpoint", "")) or self.default_endpoint(spec, site, before),
            phase=max([spec.phase, *(call.phase for call in before)]),
            bearing=use.bearing.over(self.definition.bearing),
        )

    def arguments(self, spec: StepSpec, use: Use) -> dict[str, Value]:
        """The arguments that have a value, each checked once more: a field may have brought one that does not fit."""
        arguments: dict[str, Value] = {}
        for key, written in use.arguments.items():
            value = self.value(written)
            argument = spec.argument(key)
            if argument is None:
                known = [a.name for a in spec.arguments]
                raise self.mistake(spec, f"unknown argument '{key}'{did_you_mean(key, known)}")
            if value is None:
                continue
            if problem := fault(argument.type, value, argument.choices, argument.minimum):
                raise self.mistake(spec, f"{key}: {problem}")
            arguments[key] = value
        return arguments

    def value(self, written: object) -> Any:
        """What a value stands for: a field's value for `"*field"`, None where that field was left empty."""
        name = reference(written)
        return written if name is None else self.values.get(name)

    def place(self, spec: StepSpec, use: Use) -> tuple[str, str]:
        """The site and the queue of a step; at another site than the job's, the job's queue means nothing."""
        site = self.value(use.site) or self.ground.site
        if site not in self.ground.sites:
            raise self.mistake(spec, f"no site '{site}'{did_you_mean(site, self.ground.sites)}")
        queue = self.value(use.queue) or (self.ground.queue if site == self.ground.site else DEFAULT_QUEUE)
        if problem := name_fault(queue):
            raise self.mistake(spec, f"queue: {problem}")
        return site, queue

    def default_endpoint(self, spec: StepSpec, site: str, before: Collection[Call]) -> str:
        """The target of a step that names none: at another site, the one through which the paths came there."""
        if not spec.needs_target:
            return ""
        came_through = [call.endpoint for call in before if call.endpoint] if site != self.ground.site else []
        endpoint = came_through[-1] if came_through else self.ground.endpoint
        if not endpoint:
            asks = any(field.name == "endpoint" for field in self.definition.fields)
            how = "give --field endpoint=NAME" if asks else "name an `endpoint` in the step"
            raise self.mistake(spec, f"needs a target, and {self.why_none(how)}")
        return endpoint

    def why_none(self, how: str) -> str:
        """Why there is no default target, and what to do."""
        if self.ground.why_no_endpoint:
            return f"{self.ground.why_no_endpoint}; {how}, or start a job for each"
        return f"site {self.ground.site} has no default target; {how}, or give the site, or the space, one"

    def mistake(self, spec: StepSpec, text: str) -> Mistake:
        """A mistake about a step."""
        return Mistake(f"workflow {self.definition.name}, step {spec.name}: {text}")


# As plain JSON ------------------------------------------------------------------------------------------------


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as plain JSON, for the database."""
    return {
        "workflow": plan.workflow,
        "discovery": plan.discovery,
        "options": dict(plan.options),
        "site": plan.site,
        "queue": plan.queue,
        "values": dict(plan.values),
        "branches": [_branch_document(branch) for branch in plan.branches],
        "stop_on_error_rate": plan.stop_on_error_rate,
        **({"dry": True} if plan.dry else {}),
    }


def _branch_document(branch: Branch) -> dict[str, Any]:
    return {
        "type": branch.type,
        "state": branch.state,
        "include": list(branch.include),
        "exclude": list(branch.exclude),
        "chain": [_call_document(call) for call in branch.chain],
    }


def _call_document(call: Call) -> dict[str, Any]:
    return {
        "step": call.step,
        "arguments": dict(call.arguments),
        "site": call.site,
        "queue": call.queue,
        "endpoint": call.endpoint,
        "phase": call.phase.name,
        **call.bearing.document(),
    }


def plan_from_document(document: Mapping[str, Any]) -> Plan:
    """The plan that `plan_document` wrote."""
    return Plan(
        workflow=document["workflow"],
        discovery=document["discovery"],
        options=document["options"],
        site=document["site"],
        queue=document["queue"],
        values=document["values"],
        branches=tuple(_branch(branch) for branch in document["branches"]),
        stop_on_error_rate=document.get("stop_on_error_rate"),
        dry=document.get("dry", False),
    )


def _branch(document: Mapping[str, Any]) -> Branch:
    return Branch(
        document["type"],
        document["state"],
        tuple(document["include"]),
        tuple(document["exclude"]),
        tuple(_call(call) for call in document["chain"]),
    )


def _call(document: Mapping[str, Any]) -> Call:
    phase = Phase[document["phase"]]
    where = (document["site"], document["queue"], document["endpoint"])
    return Call(document["step"], document["arguments"], *where, phase, bearing_from_document(document))
