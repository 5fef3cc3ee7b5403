"""Schemathesis against a served contract: requests of every kind, and every check of every answer."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import schemathesis
import sqlalchemy as sa
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from towpath.domain.rights import Role
from towpath.engine import keys, people
from towpath.store.database import Database
from towpath.store.tables import api_keys, users

REFUSED = ["2xx", "400", "401", "403", "404", "409", "412", "429"]
"""What a request that is as the contract says may be answered with: 400 is for rules that no schema can say."""
REFUSED_RIGHTLY = [
    "400",
    "401",
    "403",
    "404",
    "405",
    "406",
    "409",
    "413",
    "415",
    "422",
    "428",
    "429",
    "431",
    "503",
]
"""What a request that is not as the contract says may be answered with: one that is too long is not read so far."""
PATIENCE = 60.0
"""Seconds until a request is given up: how quickly it is answered is tried elsewhere, on a machine that does nothing
else."""
ENDLESS = ["stream_events"]
"""Their answers have no end."""
ASKING_A_SITE = ["check_target", "list_objects", "list_files"]
"""They answer 503 where no node of a site answers, and here none does."""
ASKING_A_DIRECTORY = ["begin_session", "make_tokens"]
"""They answer 503 where a directory does not, and here none does that a request before them may have named."""
ASKING_A_PROVIDER = ["begin_sign_in"]
"""It answers 503 where a provider does not, and here none does that a request before it may have named."""
KEEPING = [
    "delete_workflow",
    "list_versions",
    "show_version",
    "diff_versions",
    "export_workflow",
    "list_workflows",
]
"""The versions of a workflow that was deleted are shown still: jobs that ran with them are."""
DEFINING = ["define_workflow", "import_workflow", "change_workflow"]
"""What a definition may name depends on what the hub knows, so that 422 tells more than spelling."""
SORTING = "which_rule"
"""It asks a site, and of definitions."""
ASKER = "zz-the-contract-is-tried-as-this-user"
"""Nobody else is called so: no request is likely to remove them."""


@dataclass
class Trial:
    """How much is tried."""

    url: str
    database: Database
    phases: tuple[str, ...]
    most: int
    """Requests for each operation, in the phases that draw them."""
    seconds: float
    seed: int = 1
    calls: Counter[str] = field(default_factory=Counter)
    """How many were made in each phase."""

    def failures(self) -> Iterator[str]:
        """Each kind of failure once, with a request that shows it."""
        seen: set[tuple[object, ...]] = set()
        with _let_in(self.database) as key:
            contract = schemathesis.openapi.from_url(f"{self.url}/api/openapi.json", config=self._config(key))
            for event in from_schema(contract.exclude(operation_id=ENDLESS)).execute():
                if isinstance(event, events.ScenarioFinished):
                    self.calls[event.phase.name.lower()] += len(event.recorder.interactions)
                    yield from _told(event, seen)
                elif isinstance(event, events.NonFatalError):
                    yield f"{event.label}: {event.value}"
                elif isinstance(event, events.FatalError):
                    raise event.exception
                elif isinstance(event, events.Interrupted):
                    raise KeyboardInterrupt

    def _config(self, key: str) -> SchemathesisConfig:
        phases = ("examples", "coverage", "fuzzing", "stateful")
        return SchemathesisConfig.from_dict(
            {
                "base-url": self.url,
                "headers": {"Authorization": f"Api-Key {key}"},
                "seed": self.seed,
                "max-time": self.seconds,
                "max-failures": 10_000,
                "continue-on-failure": True,
                "request-timeout": PATIENCE,
                "generation": {
                    "max-examples": self.most,
                    "database": "none",
                    "no-shrink": True,
                    "allow-x00": False,
                },
                "phases": {phase: {"enabled": phase in self.phases} for phase in phases},
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": REFUSED},
                    "negative_data_rejection": {"expected-statuses": REFUSED_RIGHTLY},
                },
                "operations": [
                    {
                        "include-operation-id": [*ASKING_A_SITE, *ASKING_A_DIRECTORY, *ASKING_A_PROVIDER],
                        "checks": {
                            "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]},
                            "positive_data_acceptance": {"expected-statuses": [*REFUSED, "503"]},
                        },
                    },
                    {"include-operation-id": KEEPING, "checks": {"use_after_free": {"enabled": False}}},
                    {
                        "include-operation-id": SORTING,
                        "checks": {
                            "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]},
                            "positive_data_acceptance": {"expected-statuses": [*REFUSED, "422", "503"]},
                        },
                    },
                    {
                        "include-operation-id": DEFINING,
                        "checks": {"positive_data_acceptance": {"expected-statuses": [*REFUSED, "422"]}},
                    },
                ],
            }
        )


@contextmanager
def _let_in(database: Database) -> Iterator[str]:
    """A key that opens whatever the requests before it have done to users and keys."""
    with database.writing() as tx:
        people.ensure_user(tx, ASKER, Role.ADMINISTRATOR)
        number, key = keys.make_key(tx, ASKER)
        kept = dict(tx.conn.execute(sa.select(api_keys).where(api_keys.c.id == number)).one()._mapping)

    def mend(context: object, case: object, arguments: object) -> None:
        with database.writing() as tx:
            people.ensure_user(tx, ASKER, Role.ADMINISTRATOR)
            free = {"disabled": False, "role": Role.ADMINISTRATOR}
            tx.conn.execute(sa.update(users).where(users.c.name == ASKER).values(free))
            mine = sa.update(api_keys).where(api_keys.c.id == number)
            if not tx.conn.execute(mine.values(revoked_at=None)).rowcount:
                tx.conn.execute(sa.insert(api_keys).values(kept))

    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(mend, "before_call")
    try:
        yield key
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(mend)


def _told(event: events.ScenarioFinished, seen: set[tuple[object, ...]]) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            failure: Any = check.failure_info.failure
            if check.name == "use_after_free" and f"/{ASKER}/" in check.failure_info.code_sample:
                # Whoever removes the one that asks finds them again: they are put back before each call.
                continue
            kind = (check.name, failure.operation, failure.title, str(failure.message)[:60])
            if kind not in seen:
                seen.add(kind)
                answer = event.recorder.interactions[case].response
                said = answer.content[:300] if answer is not None else b""
                yield "\n".join([*map(str, kind), check.failure_info.code_sample, repr(said), ""])
