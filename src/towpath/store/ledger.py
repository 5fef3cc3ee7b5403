"""The ledger of one transaction: tasks are moved in memory, and moves, counters and job states written together.

Everything that changes a task goes through here, so a move and the counters that show it can never part.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from towpath.domain.states import JOB_OVER, STARTED, Cause, TaskEvent, TaskState, settle
from towpath.store import counters, job_events, jobs, tasks, throughput
from towpath.store.counters import LaneKey, PathKey
from towpath.store.database import Tx
from towpath.store.jobs import Job, JobKind
from towpath.store.tasks import DISCOVERY, FINISH_STAGE, READY, Task


class Ledger:
    """One transaction's changes to tasks and jobs. Use it as a context manager: leaving it settles and writes."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.jobs: dict[int, Job] = {}
        self._tasks: dict[int, Task] = {}
        self._was: dict[int, TaskState] = {}
        self._new: list[Task] = []
        self._columns: dict[int, tuple[str, ...]] = {}
        self._tallied: dict[tuple[int, jobs.TallyKey], int] = {}
        self._lanes: dict[LaneKey, int] = {}
        self._paths: dict[PathKey, dict[str, int]] = {}
        self._afterwards: list[Callable[[], None]] = []
        self._called: set[int] = set()
        self._failed: list[Task] = []

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()

    # Reading ---------------------------------------------------------------------------------------------------

    def lock_jobs(self, job_ids: Iterable[int]) -> None:
        """Lock jobs in ascending order: always before their tasks, so that two writers cannot wait for each other."""
        missing = set(job_ids) - self.jobs.keys()
        self.jobs.update(jobs.load(self.tx.conn, missing))

    def take(self, found: Iterable[Task]) -> list[Task]:
        """Keep tasks that were read; one that is known already is given as it stands here."""
        taken = []
        for task in found:
            known = self._tasks.get(task.id)
            if known is None:
                known = self._tasks[task.id] = task
                self._was[task.id] = task.state
            taken.append(known)
        return taken

    def load(self, task_ids: Collection[int]) -> dict[int, Task]:
        """The tasks of these ids, their jobs locked before them."""
        missing = [task_id for task_id in task_ids if task_id not in self._tasks]
        if missing:
            if self.tx.conn.dialect.name != "sqlite":  # There a writer is alone: it locks all by beginning.
                self.lock_jobs(counters.jobs_of(self.tx.conn, missing))
            found = tasks.load(self.tx.conn, missing)
            self.lock_jobs({task.job_id for task in found})
            self.take(found)
        return {task_id: self._tasks[task_id] for task_id in task_ids if task_id in self._tasks}

    def chains(self, chain_ids: Collection[int]) -> dict[int, list[Task]]:
        """The tasks of these chains, in order of position."""
        found = tasks.load_after(self.tx.conn, chain_ids)
        for new in self._new:
            if new.chain_id in chain_ids:
                found.setdefault(new.chain_id, []).append(new)
        return {chain: self.take(members) for chain, members in found.items()}

    # Changing --------------------------------------------------------------------------------------------------

    def add(self, new: list[Task]) -> None:
        """Add new tasks."""
        for task in new:
            self._tasks[task.id] = task
            self._new.append(task)
            self._tally(task, 1)
            if task.paths:
                self.count(task, "reached", task.paths)

    def move(self, task: Task, event: TaskEvent) -> None:
        """Move a task as the table of moves says, and count it."""
        self._tally(task, -1)
        task.apply(event, self.tx.now)
        self._change(task, tasks.ENDING if task.is_over else tasks.HOLDING)
        self._tally(task, 1)
        self.tx.counted["task", task.site, task.queue, task.state] += 1
        if event is TaskEvent.LOSE_LEASE:
            self.tx.counted["lease", task.site] += 1
        if task.state in job_events.BAD:
            self._failed.append(task)
        job = self.jobs[task.job_id]
        if task.state is STARTED and not task.is_discovery:
            job.begun = True
        for outcome, number in (("unknown", task.unknown), ("not_run", task.not_run)):
            if task.is_over and number:
                self.count(task, outcome, number)
                self.total(task, outcome, number)

    def release(self, task: Task, paths: int, mask: bytes | None, carry: bytes | None) -> None:
        """Give a blocked task the paths that the one before it processed: it may be granted."""
        self._tally(task, -1)
        self.touch(task)
        task.blocked, task.paths, task.mask, task.carry = READY, paths, mask, carry
        self._tally(task, 1)
        self.count(task, "reached", paths)

    def turn_away(self, task: Task, paths: int, mask: bytes | None, carry: bytes | None) -> None:
        """Give paths to a task which had been cancelled before: they were not run, and it keeps which they are."""
        self.touch(task)
        task.paths = task.not_run = paths
        task.mask, task.carry = mask, carry
        self.count(task, "reached", paths)
        self.count(task, "not_run", paths)
        self.total(task, "not_run", paths)

    def park(self, task: Task, parking: tasks.Parking) -> None:
        """Put a pending task off until a time: it may not be granted before."""
        self._tally(task, -1)
        self.touch(task)
        task.park(parking, self.tx.now)
        self.tx.due = True
        self._tally(task, 1)

    def unpark(self, task_ids: Collection[int]) -> None:
        """Let parked tasks be granted, whose jobs are locked; one that is parked no longer is left as it is."""
        for lane in tasks.unpark(self.tx.conn, task_ids):
            self._lanes[lane] = self._lanes.get(lane, 0) + 1

    def touch(self, task: Task) -> None:
        """Have a task written that was changed in other ways than by a move."""
        self._change(task, tasks.CHANGING)

    def count(self, task: Task, what: str, number: int) -> None:
        """Add to the paths that a step of a job has reached, processed, failed, …"""
        if number:
            cell = self._paths.setdefault((task.job_id, task.rule, task.position), {})
            cell[what] = cell.get(what, 0) + number
            if what == "bytes":
                self.tx.counted["bytes", task.site] += number
            elif what != "reached":
                self.tx.counted["path", task.site, what] += number

    def total(self, task: Task, what: str, number: int) -> None:
        """Add to the totals of distinct paths of a task's job."""
        if not task.is_finish:
            self.jobs[task.job_id].add(what, number)

    def sweep(self, job: Job, swept: Iterable[tasks.Swept]) -> None:
        """Count tasks that `tasks.cancel_some` cancelled."""
        for kind in swept:
            before = (kind.rule, kind.position, kind.stage, TaskState.PENDING, Cause.NONE)
            after = (kind.rule, kind.position, kind.stage, TaskState.CANCELLED, Cause.WISH)
            self._tally_key(job, before, -kind.tasks)
            self._tally_key(job, after, kind.tasks)
            self.tx.counted["task", kind.site, kind.queue, TaskState.CANCELLED] += kind.tasks
            if kind.blocked == READY:
                lane = (job.id, kind.site, kind.queue, kind.function, kind.stage)
                self._lanes[lane] = self._lanes.get(lane, 0) - kind.tasks
            cell = self._paths.setdefault((job.id, kind.rule, kind.position), {})
            cell["not_run"] = cell.get("not_run", 0) + kind.paths
            if kind.stage < FINISH_STAGE:
                job.add("not_run", kind.paths)

    def after(self, write: Callable[[], None]) -> None:
        """Write something that refers to the ledger's tasks, once these stand in the database."""
        self._afterwards.append(write)

    def wake_all(self, job: Job) -> None:
        """Have every site that may work for a job hear that something was asked of it."""
        self._called.add(job.id)

    def _change(self, task: Task, columns: tuple[str, ...]) -> None:
        """Have these columns of a task written; all that may change, where others have changed before."""
        if self._columns.setdefault(task.id, columns) is not columns:
            self._columns[task.id] = tasks.CHANGING

    def _tally(self, task: Task, sign: int) -> None:
        job = self.jobs[task.job_id]
        self._tally_key(job, (task.rule, task.position, task.stage, task.state, task.cause), sign)
        if task.is_ready:
            lane = (task.job_id, task.site, task.queue, task.function, task.stage)
            self._lanes[lane] = self._lanes.get(lane, 0) + sign

    def _tally_key(self, job: Job, key: jobs.TallyKey, number: int) -> None:
        job.tallies[key] = job.tallies.get(key, 0) + number
        self._tallied[job.id, key] = self._tallied.get((job.id, key), 0) + number

    # Writing ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Settle every job that was touched, and write all changes."""
        conn = self.tx.conn
        tasks.insert(conn, self._new)
        for columns, changed in self._by_columns().items():
            tasks.update(conn, changed, columns)
        counters.add_tallies(conn, self._tallied)
        counters.add_paths(conn, self._paths)
        counters.add_lanes(conn, self._lanes, {job.id: job for job in self.jobs.values()})
        for job in self.jobs.values():
            self._settle(job)
            throughput.note(self.tx.moved, job)
            jobs.update(conn, job)
        counters.add_jobs(conn, self._kinds())
        job_events.record(self.tx, self.jobs, self._failed)
        for write in self._afterwards:
            write()
        self._wake()

    def _by_columns(self) -> dict[tuple[str, ...], list[tuple[Task, TaskState]]]:
        """Tasks that stand in the database already, with the state they were read in, by the columns that changed."""
        found: dict[tuple[str, ...], list[tuple[Task, TaskState]]] = {}
        for number, columns in self._columns.items():
            if number in self._was:
                found.setdefault(columns, []).append((self._tasks[number], self._was[number]))
        return found

    def _kinds(self) -> Counter[JobKind]:
        """By how much the number of jobs of each kind has changed."""
        changed: Counter[JobKind] = Counter()
        for job in self.jobs.values():
            if job.kept_kind is not None and job.kind != job.kept_kind:
                changed[job.kept_kind] -= 1
                changed[job.kind] += 1
        return changed

    def _settle(self, job: Job) -> None:
        census = job.census()
        due = settle(job.wanted, census, job.plan.first_phase, job.max_tasks)
        if due.state is not job.state and due.state in JOB_OVER:
            job.ended_at = self.tx.now
            self.tx.counted["job", job.site, due.state] += 1
        if job.begun and job.started_at is None:
            job.started_at = self.tx.now
        job.state = due.state
        # Lanes stand as they should unless the stage or the job's bulk has changed, or a lane may be new.
        fresh = any(change > 0 for lane, change in self._lanes.items() if lane[0] == job.id)
        size = job.bulk(census)
        if fresh or due.open_stage != job.open_stage or size is not job.kept_bulk:
            job.open_stage, job.kept_bulk = due.open_stage, size
            self.tx.wakes |= counters.open_lanes(self.tx.conn, job.id, job.open_stage, size)

    def _wake(self) -> None:
        """Sites with work that may be granted hear of it; a hint only."""
        for (job_id, site, _, _, stage), change in self._lanes.items():
            if change > 0 and stage <= self.jobs[job_id].open_stage:
                self.tx.wakes.add(site)
        for job_id in self._called:
            self.tx.wakes |= {
                call.site for branch in self.jobs[job_id].plan.branches for call in branch.chain
            }
            self.tx.wakes.add(self.jobs[job_id].site)
        if relieved := {job.owner for job in self.jobs.values() if job.limited and self._runs_less(job)}:
            self.tx.wakes |= counters.sites_of_owners(self.tx.conn, relieved)

    def _runs_less(self, job: Job) -> bool:
        """Whether fewer of a job's tasks run than before, discovery apart."""
        running = (key for key in self._tallied if key[0] == job.id and key[1][3] is STARTED)
        return sum(self._tallied[key] for key in running if key[1][1] != DISCOVERY) < 0
