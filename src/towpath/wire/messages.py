"""The messages themselves: what hub and site say to each other."""

from typing import Any

from towpath.domain.catalogue import StepSpec
from towpath.domain.paths import Kind
from towpath.wire.message import Message
from towpath.wire.orphans import Orphan
from towpath.wire.questions import Question

VERSION = 1
MAX_MESSAGE = 256 * 1024


# Batches ------------------------------------------------------------------------------------------------------


class Batch(Message, frozen=True):
    """Paths that go down one chain together, in columns: `paths[i]` has `kinds[i]`, `states[i]`, `sizes[i]`.

    `root` names a root of the site; each path is relative to it. `kinds` holds one `Kind` a byte. `states` has
    one entry where all paths share it (it is what the discovery said: `processed`, `created`, …).
    """

    root: str
    paths: list[bytes]
    kinds: bytes
    sizes: list[int]
    states: list[str] = []

    def kind(self, index: int) -> Kind:
        """The kind of one path."""
        return Kind(self.kinds[index])

    def state(self, index: int) -> str:
        """What the discovery said of one path."""
        return self.states[0] if len(self.states) == 1 else self.states[index]


class Note(Message, frozen=True):
    """Why one path of a batch was not processed; `error_name` is what the system or the store calls the error."""

    index: int
    error_class: str
    reason: str
    error_name: str = ""


class Problem(Message, frozen=True):
    """A path that a discovery could not look at; its `root` and relative path, and why."""

    root: str
    path: bytes
    error_class: str
    reason: str


# Site to hub: hello -------------------------------------------------------------------------------------------


class Hello(Message, frozen=True):
    """A node's first words in a life of its process (`incarnation`: 16 random bytes)."""

    version: int
    incarnation: bytes
    roots: dict[str, str]
    """Name of each root → its directory, for people and for turning their paths into relative ones."""
    queues: dict[str, dict[str, int]]
    """Queue → function (`worker`, `discovery`) → slots."""
    steps: list[StepSpec]  # Those of its plugins, beyond those built in.
    box_key: bytes
    """X25519 public key to which the hub seals the secrets of targets."""
    unguarded: bool = False
    software: str = ""
    begun: list[bytes] | None = None
    """The runs that had begun, and not ended, when its life before ended by no wish of its own; None: unknown."""
    life: int = -1  # Which of its node's lives, as the hub counts them; 0: not told yet; -1: an older node's.
    trusted: bool = False  # It sets marks that only privileged processes see.


class NodeWishes(Message, frozen=True):
    """What people wish of a node, whole each time: not to wish any more is a wish that is not here."""

    drain: bool = False
    """It is to claim nothing more, give back what has not begun, and let the rest end."""
    slots: dict[str, dict[str, int]] = {}
    """Queue → function → slots, in place of its own; what is not here stays as the node was started."""


class Welcome(Message, frozen=True):
    """The hub's answer: how often to beat (seconds), and how many beats a lease lasts."""

    version: int
    heartbeat: float
    lease_beats: int
    wishes: NodeWishes = NodeWishes()
    life: int = 0  # Not 0: nothing was changed; say hello again, as this life.


# Site to hub: claim -------------------------------------------------------------------------------------------


class Want(Message, frozen=True):
    """Free slots of one function of one queue."""

    queue: str
    function: str
    slots: int
    for_small: int = 0
    """How many of these slots are kept for small jobs."""


class Claim(Message, frozen=True):
    """A request for work. `number` counts a node's claims in one incarnation: the same number, the same answer."""

    incarnation: bytes
    number: int
    wants: list[Want]


class Input(Message, frozen=True):
    """Where a discovery starts, and what the caller said of that path."""

    root: str
    path: bytes
    state: str = ""


class Matcher(Message, frozen=True):
    """A rule's condition: `kind` 0 and `state` "all" take everything; state "default" takes what is left over."""

    rule: int
    kind: int
    state: str
    include: list[str] = []
    exclude: list[str] = []


class LeftOut(Message, frozen=True):
    """What a space leaves out: `globs`, held against paths relative to its `directory`, which is absolute."""

    space: str
    directory: bytes
    globs: list[str]


class Walk(Message, frozen=True):
    """What a discovery task is to do; `cursor` is where an earlier run had come, b"" at the start.

    What `excluded` names is not told of; the hub refuses what tells of it all the same.
    """

    discovery: str
    options: dict[str, Any]
    inputs: list[Input]
    matchers: list[Matcher]
    cursor: bytes = b""
    excluded: list[LeftOut] = []


FORESEE = "foresee"
"""In place of a step's name, for a task of a dry run: the arguments are the step's name and its own arguments."""


class Grant(Message, frozen=True):
    """One task, granted: it is STARTED, under this `run` (16 bytes), until it is reported or its lease is lost.

    `batch` is a packed `Batch`. `mask` (zstd, one byte a path) says which paths are this task's; b"" = all.
    `carry` is what the step before handed on, packed as `dict[int, bytes]`; b"" = nothing.
    """

    task: int
    run: bytes
    job: int
    queue: str
    function: str
    step: str
    arguments: dict[str, Any]
    endpoint: str = ""
    batch: bytes = b""
    mask: bytes = b""
    carry: bytes = b""
    walk: Walk | None = None
    attempt: int = 1
    small: bool = False  # Its job, as far as is known: slots that are kept for such jobs are open to it.
    again: bool = False  # It may have begun before: what is found done may be its own doing.
    facts: dict[str, Any] = {}  # Of its job, for a step of the last phase: see `engine.finish.facts_of`.
    trace: str = (
        ""  # The `traceparent` of the claim, of which the run is a part; "" where the hub traces nothing.
    )


class Grants(Message, frozen=True):
    """The answer to a claim."""

    number: int
    grants: list[Grant]
    more: bool = False  # There was more to grant than fitted: ask again at once.
    questions: list[Question] = []  # Of people, to be answered at once; they come again until they are.


# Site to hub: heartbeat ---------------------------------------------------------------------------------------


class Progress(Message, frozen=True):
    """How far a run has come, for people: paths and bytes done."""

    run: bytes
    paths: int
    bytes: int


class Beat(Message, frozen=True):
    """A heartbeat: all runs whose end the hub has not yet acknowledged, and the last claim whose answer came."""

    incarnation: bytes
    answered_claim: int
    runs: list[bytes]
    progress: list[Progress] = []
    draining: bool = False
    jobs: list[int] = []  # For these the node may have left something unfinished at a target: are they over?
    disks: dict[str, tuple[int, int]] = {}  # Root → bytes free, bytes in all; now and then, else nothing.


class Verdicts(Message, frozen=True):
    """The hub's answer to a heartbeat: runs not named here go on."""

    hand_back: list[bytes]
    """Stop at the next path and report what was done."""
    drop: list[bytes]
    """No longer this node's: stop, report nothing."""
    known: bool = True  # False: the hub does not know this incarnation; say hello again.
    wishes: NodeWishes = NodeWishes()
    over: list[int] = []  # Of the jobs that the node asked about.
    questions: list[Question] = []  # As in `Grants`.


# Site to hub: report ------------------------------------------------------------------------------------------


class Group(Message, frozen=True):
    """Paths of one batch-to-be that one rule took."""

    rule: int
    batch: bytes
    """A packed `Batch`."""
    count: int
    bytes: int


class Found(Message, frozen=True, tag="found"):
    """What a discovery found in `(cursor_from, cursor_to]`; `unmatched` entries were taken by no rule."""

    task: int
    run: bytes
    cursor_from: bytes
    cursor_to: bytes
    groups: list[Group]
    problems: list[Problem] = []
    unmatched: int = 0
    orphans: list[Orphan] = []  # What a sweep's comparison found; no paths of the job's.


class Ended(Message, frozen=True, tag="ended"):
    """A step has an outcome for each path of its task, or, where `handed_back`, for those it did before it stopped.

    `codes` (zstd) is one `Code` a byte, one for each path of the batch, NONE for paths that are not this task's
    or not done. `notes` says why for each path that is neither PROCESSED nor ALREADY.
    """

    task: int
    run: bytes
    codes: bytes
    notes: list[Note]
    carry: bytes = b""
    bytes: int = 0
    handed_back: bool = False


class WalkEnded(Message, frozen=True, tag="walk_ended"):
    """A discovery has come to its end at `cursor`, or stopped there because it was asked to (`handed_back`)."""

    task: int
    run: bytes
    cursor: bytes
    handed_back: bool = False


class Failed(Message, frozen=True, tag="failed"):
    """A step or a discovery ended by an uncaught error: what became of its paths is unknown."""

    task: int
    run: bytes
    error: str


Event = Found | Ended | WalkEnded | Failed


class Report(Message, frozen=True):
    """Events of one incarnation's outbox, in order: packed `Event`s numbered from `first` on, without a gap."""

    incarnation: bytes
    first: int
    events: list[bytes]


class Refusal(Message, frozen=True):
    """An event that was acknowledged and changed nothing: its run is stale, or its walk is elsewhere."""

    run: bytes
    reason: str
    cursor: bytes | None = None


class Applied(Message, frozen=True):
    """The hub's commit: events up to and with this number never need be sent again."""

    up_to: int
    refusals: list[Refusal] = []


# Site to hub: targets -----------------------------------------------------------------------------------------


class TargetAsked(Message, frozen=True):
    """Which target to describe: by `name`, or by the `tag` in a mark (4 bytes)."""

    name: str = ""
    tag: bytes = b""


class TargetTold(Message, frozen=True):
    """A target, its secret sealed to the node's box key; `name` is empty where the hub has none such."""

    name: str
    url: str = ""
    sealed: bytes = b""
    """A sealed box that holds a JSON object of credentials; b"" = none."""
    tag: bytes = b""
    """The 4 bytes that stand for it in marks."""
    storage_class: str = ""  # What new objects are put with; "" = the store's own default.
    template: str = ""  # How their keys are made; "" = site, root and path.


class Trouble(Message, frozen=True):
    """The hub could not answer: why, in one line."""

    reason: str
