"""What keeps a home's NATS server, hub and workers alive."""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from towpath.bus.authority import SERVER_NAME, Authority
from towpath.bus.server import LOG as NATS_LOG
from towpath.bus.server import NatsChild, ServerFailed
from towpath.cli.children import DRAIN_SECONDS, GRACE_SECONDS, Command, Slot, environment, trim_log
from towpath.cli.database_option import read_database
from towpath.cli.errors import Exit
from towpath.cli.front import arguments_of, front_of
from towpath.cli.ground import Ground
from towpath.cli.home import NODE, Home, read_remembered
from towpath.cli.roll import Roll
from towpath.cli.running import Child, Status, born_at, write_status
from towpath.config import EVERYWHERE, Listen
from towpath.domain.errors import Mistake

TICK_SECONDS = 1.0


class Signals:
    """The signals that a supervisor heeds, as conditions that it can wait for."""

    def __init__(self) -> None:
        self.stops = 0
        self.reload = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._note)

    def wait(self, seconds: float) -> None:
        """Return at the next signal, or once the time went by."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        if ready:
            self._reader.recv(4096)

    def wake(self) -> None:
        """End the wait, if there is one; any thread may."""
        with suppress(OSError):  # Full of wake-ups, or closed: nobody waits.
            self._writer.send(b"\0")

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self.stops += 1
        elif number == signal.SIGHUP:
            self.reload = True


class Supervisor:
    """Keeps a home's processes alive until it is told to stop."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._signals = Signals()
        self._remembered = read_remembered(home)
        self._front = front_of(self._remembered)
        self._env = environment(os.environ)
        self._database_url = self._remembered.database or home.database_url
        self._ground = Ground(home, read_database(self._database_url, os.environ, self._database_url))
        self._ground.admit_client(self._front)
        for place in self._remembered.places():
            self._ground.admit(place)
        self._roll = Roll(self._ground.nodes, self._signals.wake)
        self._let_in = self._roll.nodes
        self._nats = self._nats_child()
        self._nats_slot = Slot("nats", None, self._nats, home.nats / NATS_LOG)
        self._hub = self._command("hub", None, self._hub_arguments())
        self._workers = [self._worker(*place) for place in self._remembered.places().items()]
        self._untold = False
        """What runs has changed, and the status does not say so yet."""

    def run(self) -> int:
        """Start everything, keep it alive, and stop it in order: workers, hub, NATS."""
        try:
            self._nats_slot.start()
            self._nats.wait_ready()
            self._roll.start()
            for slot in (self._hub, *self._workers):
                slot.start()
            self._tell()
            while not self._signals.stops:
                self._turn()
        except ServerFailed as error:
            _log(str(error))
            return Exit.MISTAKE
        finally:
            self._stop()
        return Exit.OK

    @property
    def _slots(self) -> list[Slot]:
        return [self._nats_slot, self._hub, *self._workers]

    def _turn(self) -> None:
        if self._signals.reload:
            self._signals.reload = False
            self._take_up_sites()
        self._call_the_roll()
        now = time.monotonic()
        news = [said for slot in self._slots if (said := slot.look(now))]
        for said in news:
            _log(said)
        if news or self._untold:
            self._tell()
        for slot in self._slots:
            trim_log(slot.log)
        trim_log(self._home.log("supervisor"))
        dues = [slot.due - time.monotonic() for slot in self._slots if slot.due is not None]
        self._signals.wait(min([TICK_SECONDS, *dues]))

    def _take_up_sites(self) -> None:
        """Start workers for sites and nodes that were added, and what waits for its next start at once."""
        for slot in self._slots:
            slot.hurry()
        remembered = read_remembered(self._home)
        known = self._remembered.places()
        added = {place: where for place, where in remembered.places().items() if place not in known}
        self._remembered = remembered
        if not added:
            return
        for place in added:
            self._ground.admit(place)
        self._roll.look()
        self._call_the_roll()
        workers = [self._worker(*place) for place in added.items()]
        self._workers += workers
        for slot in workers:
            slot.start()
            _log(f"{slot.name} was started")
        self._tell()

    def _call_the_roll(self) -> None:
        """Let in at the bus whoever has joined, and nobody who was removed."""
        nodes = self._roll.nodes
        if nodes == self._let_in:
            return
        try:
            self._nats.reload(nodes)
        except (Mistake, ServerFailed, OSError) as error:
            # It is down, or the disk is full: its next start, or the next turn, brings the change.
            _log(f"the bus could not be told who may join: {error}")
        else:
            self._let_in = nodes

    def _nats_child(self) -> NatsChild:
        told = self._remembered
        server = Path(told.nats_server) if told.nats_server else None
        nodes = self._roll.nodes
        if told.bus_listen is None:
            return NatsChild(self._home.nats, self._ground.hub_key, nodes, server)
        authority = Authority(self._home.authority)
        authority.prepare()
        listen = Listen.parse(told.bus_listen, "--bus-listen")
        return NatsChild(self._home.nats, self._ground.hub_key, nodes, server, listen, authority)

    def _bus_arguments(self) -> tuple[str, ...]:
        """The options of whoever joins the bus from here."""
        if self._remembered.bus_listen is None:
            return ("--bus", self._nats.url)
        ca = str(Authority(self._home.authority).ca)
        return ("--bus", self._nats.url, "--bus-ca", ca, "--bus-name", SERVER_NAME)

    def _stop(self) -> None:
        _log("stopping")
        self._roll.stop()
        self._end(self._workers)
        self._end([self._hub])
        self._end([self._nats_slot])
        self._home.status_file.unlink(missing_ok=True)
        self._ground.close()

    def _end(self, slots: list[Slot]) -> None:
        """Ask all to stop, wait for them, and end by force what is left, or everything at a second signal."""
        for slot in slots:
            slot.ask_to_stop()
        end = time.monotonic() + GRACE_SECONDS
        asked = self._signals.stops
        while any(slot.pid for slot in slots) and time.monotonic() < end and self._signals.stops == asked:
            self._signals.wait(0.1)
        for slot in slots:
            if slot.pid is not None:
                _log(f"{slot.name} did not end in time: ended by force")
            slot.stop(0)

    def _tell(self) -> None:
        children = [
            Child(
                role=slot.role,
                site=slot.site,
                pid=(pid := slot.pid),
                restarts=slot.restarts,
                since=slot.since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                born=born_at(pid) if pid else 0,
            )
            for slot in self._slots
        ]
        try:
            write_status(self._home, Status(os.getpid(), self._front.url_here, children))
        except OSError as error:
            # A full disk passes, and what is kept alive must not die of it: told again at the next turn.
            _log(f"the status could not be written: {error}")
            self._untold = True
        else:
            self._untold = False

    def _command(self, role: str, site: str | None, arguments: Iterable[str]) -> Slot:
        log = self._home.log(role, site)
        return Slot(role, site, Command(list(arguments), log, self._env), log)

    def _hub_arguments(self) -> tuple[str, ...]:
        home = self._home
        place = ("--home", str(home.root), "--database", self._database_url)
        told = self._remembered.bus_listen
        node_bus = () if told is None else ("--node-bus", bus_for_nodes(told, self._nats.port))
        return ("hub", *place, *self._bus_arguments(), *node_bus, *arguments_of(self._front))

    def _worker(self, place: str, directory: str) -> Slot:
        site, _, node = place.partition("/")
        seed = str(self._ground.seed_file(place))
        identity = ("--site", site, "--node", node or NODE, "--seed", seed)
        home = ("--home", str(self._home.site(site, node)))
        where = ("--root", f"data={directory}", *self._bus_arguments())
        rights = ("--unguarded", "--allow-target", "/", "--grace", str(DRAIN_SECONDS))
        settings = self._home.settings(site)
        said = ("--settings", str(settings)) if settings.exists() else ()
        return self._command("worker", place, ("worker", *identity, *home, *where, *rights, *said))


def bus_for_nodes(listen: str, port: int) -> str:
    """Where nodes from elsewhere find a bus that listens there; a host `*` is that by which they find the hub."""
    host = Listen.parse(listen, "--bus-listen").host
    return f"tls://*:{port}" if host in EVERYWHERE else f"tls://{Listen(host, port)}"


def _log(text: str) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with suppress(OSError):  # A full disk takes no line; nobody must die for want of one.
        print(f"{moment} {text}", file=sys.stderr, flush=True)
