"""People in the database: lock-outs, links, sessions and keys hold whatever comes at the same time."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hub_desk import Hub, Numbers

from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.rights import RIGHTS, Right, Role, Via
from towpath.engine import audit, keys, people, sign_in
from towpath.engine.audit import Deed, DeedFilter
from towpath.engine.sign_in import (
    IDLE_SECONDS,
    LINK_SECONDS,
    LOCK_SECONDS,
    SECOND,
    SESSION_SECONDS,
    TRIES,
    Refused,
)
from towpath.store import schema
from towpath.store.database import Database

HASH = "a hash, which the engine only hands over"


@pytest.fixture
def ana(hub: Hub) -> str:
    """An administrator with a password."""
    hub.tell(lambda tx: people.ensure_user(tx, "ana", Role.ADMINISTRATOR))
    hub.tell(lambda tx: sign_in.set_password(tx, "ana", HASH, None))
    return "ana"


def enter(hub: Hub, via: Via = Via.SESSION) -> str:
    """The secret of a session that ana begins with the right password."""
    attempt = hub.tell(lambda tx: sign_in.begin(tx, "ana"))
    return hub.tell(lambda tx: sign_in.succeed(tx, attempt, via, "::1"))[1]


def is_open(hub: Hub, secret: str, via: Via = Via.SESSION) -> bool:
    """Whether a secret opens a session now."""
    with hub.database.reading() as conn:
        return sign_in.open_with_secret(conn, via, secret, hub.clock.at) is not None


def test_attempts_are_counted_before_their_passwords_are_looked_at(hub: Hub, ana: str) -> None:
    attempts = [hub.tell(lambda tx: sign_in.begin(tx, ana)) for _ in range(TRIES)]
    with pytest.raises(Refused, match="try again in 15 min"):
        hub.tell(lambda tx: sign_in.begin(tx, ana))
    # The one of them that was right lets its user in, and the others are forgotten.
    hub.tell(lambda tx: sign_in.succeed(tx, attempts[-1], Via.SESSION, "::1"))
    hub.tell(lambda tx: sign_in.begin(tx, ana))


def test_a_lock_ends_by_itself(hub: Hub, ana: str) -> None:
    for _ in range(TRIES):
        hub.tell(lambda tx: sign_in.begin(tx, ana))
    hub.clock.at += LOCK_SECONDS * SECOND
    assert enter(hub)


def test_a_password_that_was_changed_meanwhile_lets_nobody_in(hub: Hub, ana: str) -> None:
    attempt = hub.tell(lambda tx: sign_in.begin(tx, ana))
    hub.tell(lambda tx: sign_in.set_password(tx, ana, "another", None))
    with pytest.raises(Refused):
        hub.tell(lambda tx: sign_in.succeed(tx, attempt, Via.SESSION, "::1"))


def test_a_session_ends_when_it_is_not_used_and_at_its_end_in_any_case(hub: Hub, ana: str) -> None:
    idle = enter(hub)
    hub.clock.at += IDLE_SECONDS * SECOND + SECOND
    assert not is_open(hub, idle)
    used = enter(hub)
    for _ in range(SESSION_SECONDS // IDLE_SECONDS):
        assert is_open(hub, used)
        with hub.database.reading() as conn:
            found = sign_in.open_with_secret(conn, Via.SESSION, used, hub.clock.at)
        assert found is not None
        hub.tell(lambda tx, number=found[0].credential: sign_in.note_use(tx, number))  # type: ignore[misc]
        hub.clock.at += IDLE_SECONDS * SECOND - SECOND
    hub.clock.at += IDLE_SECONDS * SECOND
    assert not is_open(hub, used)


def test_a_secret_opens_a_session_of_its_own_kind_alone(hub: Hub, ana: str) -> None:
    browser, program = enter(hub), enter(hub, Via.TOKEN)
    assert (is_open(hub, browser), is_open(hub, browser, Via.TOKEN)) == (True, False)
    assert (is_open(hub, program, Via.TOKEN), is_open(hub, program)) == (True, False)


def test_a_link_ends_after_its_day(hub: Hub, ana: str) -> None:
    code = hub.tell(lambda tx: sign_in.make_link(tx, ana, "bea"))
    hub.clock.at += LINK_SECONDS * SECOND
    with pytest.raises(Refused):
        hub.tell(lambda tx: sign_in.use_link(tx, code, "another"))


def test_only_digests_of_secrets_are_kept(hub: Hub, ana: str) -> None:
    secret = enter(hub)
    code = hub.tell(lambda tx: sign_in.make_link(tx, ana, "bea"))
    _, key = hub.tell(lambda tx: keys.make_key(tx, ana))
    kept = repr(hub.rows())
    assert secret not in kept
    assert code not in kept
    assert key not in kept


@pytest.mark.parametrize(
    "undo",
    [
        lambda tx: people.change_user(tx, "ana", Role.OPERATOR, None),
        lambda tx: people.change_user(tx, "ana", None, True),
        lambda tx: people.remove_user(tx, "ana"),
    ],
    ids=["another role", "disabled", "removed"],
)
def test_the_last_administrator_stays_one(hub: Hub, ana: str, undo: Callable[..., object]) -> None:
    hub.tell(lambda tx: people.add_user(tx, "bea", Role.OPERATOR))
    with pytest.raises(Conflict, match="last administrator"):
        hub.tell(undo)
    with hub.database.reading() as conn:
        assert people.find_user(conn, "ana").role is Role.ADMINISTRATOR
    hub.tell(lambda tx: people.change_user(tx, "bea", Role.ADMINISTRATOR, None))
    hub.tell(undo)


def test_a_key_follows_its_users_role_and_its_own_scopes(hub: Hub, ana: str) -> None:
    hub.tell(lambda tx: people.add_user(tx, "bea", Role.OPERATOR))
    _, wide = hub.tell(lambda tx: keys.make_key(tx, "bea"))
    number, narrow = hub.tell(lambda tx: keys.make_key(tx, "bea", scopes={Right.RUN, Right.ADMINISTER}))

    def rights(key: str) -> frozenset[Right] | None:
        with hub.database.reading() as conn:
            found = keys.open_with_key(conn, key, hub.clock.at)
        return None if found is None else found[0].rights

    assert rights(wide) == RIGHTS[Role.OPERATOR]
    assert rights(narrow) == frozenset({Right.RUN})
    hub.tell(lambda tx: people.change_user(tx, "bea", Role.VIEWER, None))
    assert rights(wide) == RIGHTS[Role.VIEWER]
    assert rights(narrow) == frozenset()
    hub.tell(lambda tx: keys.revoke_key(tx, "bea", number))
    assert rights(narrow) is None
    with pytest.raises(NotFound):
        hub.tell(lambda tx: keys.revoke_key(tx, "ana", number))
    with pytest.raises(Mistake, match="a time to come"):
        hub.tell(lambda tx: keys.make_key(tx, "bea", expires_at=1))
    with pytest.raises(NotFound, match="did you mean 'bea'"):
        hub.tell(lambda tx: keys.make_key(tx, "beaa"))


def test_a_deed_stands_in_the_log_if_it_was_done_and_not_else(hub: Hub) -> None:
    deed = Deed("ana", "key", "::1", "pause", "/api/jobs/1/pause/")

    def fails(tx: object) -> None:
        audit.record(tx, deed)  # type: ignore[arg-type]
        raise Mistake("no")

    with pytest.raises(Mistake):
        hub.tell(fails)
    hub.tell(lambda tx: audit.record(tx, deed))
    with hub.database.reading() as conn:
        assert [row.action for row in audit.list_deeds(conn, DeedFilter(), 10)] == ["pause"]


def test_the_log_forgets_what_is_a_year_old_a_piece_at_a_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "AT_ONCE", 3)
    for number in range(5):
        hub.tell(lambda tx, n=number: audit.record(tx, Deed("ana", "key", "::1", str(n), "/")))  # type: ignore[misc]
    assert hub.tell(audit.forget)
    hub.clock.at += audit.KEPT
    hub.tell(lambda tx: audit.record(tx, Deed("ana", "key", "::1", "last", "/")))
    assert [hub.tell(audit.forget) for _ in range(2)] == [False, True]
    with hub.database.reading() as conn:
        assert [row.action for row in audit.list_deeds(conn, DeedFilter(), 10)] == ["last"]


def test_whoever_had_a_key_in_a_database_of_before_is_an_administrator(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    schema.upgrade(url, "0003")
    with sqlite3.connect(tmp_path / "old.db") as old:
        for number, name in enumerate(("ana", "ana", "bea")):
            row = (name, keys.digest(str(number)), number)
            old.execute("INSERT INTO api_keys (name, digest, created_at) VALUES (?, ?, ?)", row)
    old.close()
    schema.upgrade(url)
    database = Database(url, Numbers())
    with database.reading() as conn:
        assert [(user.name, user.role) for user in people.list_users(conn, 10)] == [
            ("ana", Role.ADMINISTRATOR),
            ("bea", Role.ADMINISTRATOR),
        ]
        found = keys.open_with_key(conn, "1", 5)
    database.stop()
    assert found is not None
    assert (found[0].user, found[0].rights) == ("ana", frozenset(Right))
