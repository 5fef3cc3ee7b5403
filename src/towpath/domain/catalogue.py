"""What the hub knows of each step without running it: its arguments, its phase and the field's names for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from towpath.domain.states import Phase


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a step: `type` is bool, int or string; a default of None means that it may be left out."""

    name: str
    type: str
    default: bool | int | str | None
    about: str
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    """The least integer allowed."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """What a step is called, takes and needs."""

    name: str
    about: str
    arguments: tuple[Argument, ...] = ()
    phase: Phase = Phase.TRANSFERS
    aliases: tuple[str, ...] = ()
    needs_target: bool = False
    """It cannot work without a target: `endpoint`, or the site's default."""

    def argument(self, name: str) -> Argument | None:
        """The argument of that name, if the step has it."""
        return next((a for a in self.arguments if a.name == name), None)

    def defaults(self) -> dict[str, bool | int | str | None]:
        """Each argument with its default."""
        return {a.name: a.default for a in self.arguments}


ENDPOINT = Argument(
    "endpoint", "string", None, "the target; the space's or the site's default where left out"
)
LOCK_LEVEL = Argument(
    "lock_level",
    "string",
    "partial",
    "how firmly a file is held while it is worked on",
    ("partial", "implicit", "none"),
)
STUB_SIZE = Argument("stub_size", "int", 0, "bytes kept at the head of each stub", minimum=0)
OVERWRITE = Argument(
    "overwrite", "bool", False, "put a new object, or replace a file, where one stands already"
)
SKIP_HASH = Argument("skip_hash", "bool", False, "do not compare the data brought with its checksum")
DEFAULT_UID = Argument("default_uid", "int", None, "owner where the recorded one cannot be set", minimum=0)
DEFAULT_GID = Argument("default_gid", "int", None, "group where the recorded one cannot be set", minimum=0)
ABORT_MISSING = Argument("abort_missing", "bool", False, "a path that is not there is aborted, not failed")
TO_ROOT = Argument(
    "to_root", "string", None, "the root that paths go to; the one of the same name if left out"
)
TO_PATH = Argument("to_path", "string", "", "the directory beneath that root under which paths are put")
FROM_PATH = Argument("from_path", "string", "", "what is taken off the front of each path before that")
REPLACE = Argument(
    "replace",
    "string",
    "never",
    "whether a different file makes room: never, where it is older, or always",
    ("never", "older", "always"),
)

MIGRATE = StepSpec(
    "migrate",
    "copy files to a target, verify them there, and free their local data",
    (
        Argument("premigrate", "bool", False, "keep the local data: copy and verify only"),
        STUB_SIZE,
        OVERWRITE,
        Argument(
            "fail_on_mismatch",
            "bool",
            False,
            "fail, rather than send again, a file that differs from its record",
        ),
        LOCK_LEVEL,
        ENDPOINT,
        ABORT_MISSING,
        Argument("migrate_offline_files", "bool", False, "record the metadata of stubs anew"),
        Argument(
            "skip_modified_during_migrate", "bool", False, "a file edited meanwhile is skipped, not failed"
        ),
        Argument("records", "string", "files", "what gets a record at the target", ("files", "all")),
    ),
    aliases=("dynamo.tasks.migrate",),
    needs_target=True,
)
RECALL = StepSpec(
    "recall",
    "bring the data of stubs back from their target",
    (
        SKIP_HASH,
        ENDPOINT,
        LOCK_LEVEL,
        DEFAULT_UID,
        DEFAULT_GID,
        Argument("update_atime", "bool", False, "set the access time to now"),
        Argument("update_mtime", "bool", False, "set the modification time to now"),
        Argument("delete_remote", "bool", False, "forget the object afterwards: the file becomes resident"),
        ABORT_MISSING,
    ),
    aliases=("dynamo.tasks.recall",),
)
REVERSE_STUB = StepSpec(
    "reverse_stub",
    "make files here from objects at a target, as stubs or with their data",
    (
        Argument("hydrate", "bool", False, "also bring the data"),
        OVERWRITE,
        STUB_SIZE,
        SKIP_HASH,
        ENDPOINT,
        LOCK_LEVEL,
        DEFAULT_UID,
        DEFAULT_GID,
        Argument(
            "conflict_preference",
            "string",
            "local",
            "which one stays where a different file stands here already",
            ("newest", "local", "ignore"),
        ),
        TO_ROOT,
        TO_PATH,
        FROM_PATH,
    ),
    aliases=("dynamo.tasks.reverse_stub", "stub"),
    needs_target=True,
)
DELETE = StepSpec(
    "delete",
    "delete files, symbolic links and empty directories",
    (
        Argument("recursive", "bool", False, "a directory goes with all that it holds"),
        Argument("abort_missing", "bool", True, "a path that is not there is aborted, not failed"),
    ),
    phase=Phase.DELETES,
    aliases=("dynamo.tasks.delete_paths_from_gpfs",),
)
MOVE = StepSpec(
    "move",
    "rename files, symbolic links and directories within the site",
    (
        TO_ROOT,
        TO_PATH,
        FROM_PATH,
        Argument("recursive", "bool", False, "a directory goes with all that it holds"),
        REPLACE,
        ABORT_MISSING,
    ),
    phase=Phase.MOVES,
    aliases=("dynamo.tasks.move_paths_on_gpfs",),
)
COPY = StepSpec(
    "copy",
    "copy files, symbolic links and directories within the site, with all their metadata",
    (TO_ROOT, TO_PATH, FROM_PATH, REPLACE, DEFAULT_UID, DEFAULT_GID, ABORT_MISSING),
)
UNMANAGE = StepSpec(
    "unmanage",
    "forget the copies of premigrated files: they are resident again",
    (ABORT_MISSING,),
)
ADOPT = StepSpec(
    "adopt",
    "bind files anew whose marks are not trusted: restored, copied, or made under a key that is lost",
    (
        Argument("moved", "bool", False, "also a file that stands at another path than recorded"),
        Argument("forget", "bool", False, "a whole file that differs from its record loses its mark"),
        ABORT_MISSING,
    ),
)
UNDELETE = StepSpec(
    "undelete",
    "make files anew that were deleted here and are at the target still",
    (
        Argument("hydrate", "bool", False, "also bring the data"),
        ENDPOINT,
        DEFAULT_UID,
        DEFAULT_GID,
    ),
    needs_target=True,
)
SET_METADATA = StepSpec(
    "set_metadata",
    "set permissions, owner, group, times and extended attributes",
    (
        Argument("mode", "string", None, "the permission bits, in octal: 0640"),
        Argument("owner", "string", None, "the owner, by name or number"),
        Argument("group", "string", None, "the group, by name or number"),
        Argument("mtime", "string", None, "modification time: 'now', or as 2026-11-24T14:00:00+01:00"),
        Argument("atime", "string", None, "access time, likewise"),
        Argument("xattrs", "string", None, 'user attributes as JSON: {"user.a": "1", "user.b": null}'),
        ABORT_MISSING,
    ),
)
TAG = StepSpec(
    "tag",
    "tag files and directories: a tag is the extended attribute user.tag.NAME",
    (
        Argument("tag", "string", None, "the tag's name"),
        Argument("value", "string", "", "its value"),
        Argument("remove", "bool", False, "take the tag away"),
        ABORT_MISSING,
    ),
)
CHECK_SYNC_STATE = StepSpec(
    "check_sync_state",
    "let only those paths on that the destination is to get",
    (
        Argument(
            "sync_preference",
            "string",
            "newest",
            "which of two different files wins: the newest, the sender's (local), or neither (ignore)",
            ("newest", "local", "ignore"),
        ),
        TO_ROOT,
        TO_PATH,
        FROM_PATH,
    ),
    aliases=("dynamo.tasks.check_sync_state",),
)
RUN = StepSpec(
    "run",
    "run a command that the site's administrator has listed, over the paths",
    (Argument("command", "string", None, "its name in the site's settings"),),
)
ALGORITHM = Argument(
    "algorithm",
    "string",
    "xxh3_128",
    "the hash",
    ("xxh3_128", "xxh64", "sha256", "blake3", "md5"),
)
CHECKSUM = StepSpec(
    "checksum",
    "read files: keep their checksums in a manifest, or compare them with one",
    (
        ALGORITHM,
        Argument("manifest", "string", None, "the manifest's file, beneath the root of the paths"),
        Argument("check", "bool", False, "compare with the manifest, which stands already"),
    ),
)
MANIFEST = StepSpec(
    "manifest",
    "once for a job: make one manifest of what its checksum tasks have read, or look for what it names",
    (
        ALGORITHM,
        Argument("manifest", "string", None, "the manifest's file, as the checksum step has it"),
        Argument("check", "bool", False, "look whether all that the manifest names is there"),
    ),
    phase=Phase.FINISH,
)
VERIFY = StepSpec(
    "verify",
    "compare files with their objects at the target; nothing is changed",
    (
        Argument(
            "depth",
            "string",
            "object",
            "look at the object's size, or read all data back too",
            ("object", "data"),
        ),
        ABORT_MISSING,
    ),
)
NOTIFY = StepSpec(
    "notify",
    "once for a job: tell a webhook, or people by mail, how it ended",
    (
        Argument("webhook", "string", None, "a webhook of the site's settings, by name"),
        Argument("mail_to", "string", None, "addresses, with commas between"),
        Argument("when", "string", "always", "which endings are told", ("always", "success", "failure")),
        Argument("text", "string", "", "a sentence that goes with it"),
    ),
    phase=Phase.FINISH,
)
PREFIX = Argument("prefix", "string", "", "what all the objects' keys begin with, without a slash at its end")
RECORD = StepSpec(
    "record",
    "write records for objects that others have put at a target, for reverse_stub to make files of",
    (
        PREFIX,
        TO_PATH,
        Argument("mode", "string", "0644", "the permission bits of the files, in octal"),
        DEFAULT_UID,
        DEFAULT_GID,
        ENDPOINT,
        ABORT_MISSING,
    ),
    needs_target=True,
)
NOOP = StepSpec("noop", "do nothing to each path: for measuring, and for trying out rules")

BUILT_IN: tuple[StepSpec, ...] = (
    MIGRATE,
    RECALL,
    REVERSE_STUB,
    DELETE,
    MOVE,
    COPY,
    UNMANAGE,
    ADOPT,
    UNDELETE,
    SET_METADATA,
    TAG,
    CHECK_SYNC_STATE,
    RUN,
    CHECKSUM,
    MANIFEST,
    VERIFY,
    NOTIFY,
    RECORD,
    NOOP,
)


@dataclass(frozen=True, slots=True)
class DiscoverySpec:
    """What a discovery is called and takes."""

    name: str
    about: str
    options: tuple[Argument, ...] = ()
    needs_target: bool = False
    """It looks at a target: its option `endpoint`, or the site's default."""

    def option(self, name: str) -> Argument | None:
        """The option of that name, if the discovery has it."""
        return next((o for o in self.options if o.name == name), None)


RECURSIVE = DiscoverySpec(
    "recursive",
    "walk the trees beneath the given paths",
    (Argument("skip_missing", "bool", False, "take given paths that are not on disk too"),),
)
LISTING = DiscoverySpec(
    "listing",
    "list what others have put at a target, as files that may be made of it",
    (ENDPOINT, PREFIX, TO_PATH),
    needs_target=True,
)

DISCOVERIES: Mapping[str, DiscoverySpec] = MappingProxyType(
    {spec.name: spec for spec in (RECURSIVE, LISTING)}
)


@dataclass(frozen=True)
class Catalogue:
    """What a workflow can name: steps, those built in and those that sites brought as plugins, and discoveries."""

    specs: Mapping[str, StepSpec] = field(default_factory=dict)
    discoveries: Mapping[str, DiscoverySpec] = field(default_factory=lambda: DISCOVERIES)

    @classmethod
    def of(cls, *groups: Iterable[StepSpec]) -> "Catalogue":
        """A catalogue of these steps, each also under its aliases; an earlier step keeps its name."""
        specs: dict[str, StepSpec] = {}
        for spec in (s for group in groups for s in group):
            for name in (spec.name, *spec.aliases):
                specs.setdefault(name, spec)
        return cls(MappingProxyType(specs))

    def find(self, name: str) -> StepSpec | None:
        """The step of that name or alias."""
        return self.specs.get(name)


INSTALLED = Catalogue.of(BUILT_IN)
