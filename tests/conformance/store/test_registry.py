"""What the hub knows beside jobs: sites, nodes, targets whose secrets nobody reads, and keys of the API."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import nacl.public
import nacl.secret
import pytest
from tests.hub_desk import Hub, Node, Numbers, furnish

from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.targets import Traits
from towpath.engine import keys, nodes, registry
from towpath.engine.nodes import Unknown
from towpath.store import schema
from towpath.store.database import Database
from towpath.store.tables import api_keys, buckets
from towpath.wire import TargetAsked, TargetTold, pack

HUB_KEY = bytes(range(32))
COLD = Traits("GLACIER")
SECRET = "correct-horse-battery-staple"
CREDENTIALS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}


def add_target(hub: Hub, name: str, credentials: dict[str, str] | None = None, url: str = "") -> None:
    """Make a target known."""
    where = url or ("s3://bucket/prefix?endpoint=http://127.0.0.1:1" if credentials else "file:///srv/t")
    hub.tell(lambda tx: registry.add_target(tx, name, where, credentials or {}, HUB_KEY))


def ask(hub: Hub, node: Node, asked: TargetAsked, key: bytes = HUB_KEY) -> TargetTold:
    """A node asks for a target."""
    return hub.tell(lambda tx: registry.tell_target(tx, node.site, node.name, asked, key))


def box_of(hub: Hub, node: Node) -> "nacl.public.SealedBox[nacl.public.PrivateKey]":
    """Give a node a key of its own, and return what opens what is sealed to it."""
    private = nacl.public.PrivateKey.generate()
    node.hello(bytes(private.public_key))
    return nacl.public.SealedBox(private)


# Targets ------------------------------------------------------------------------------------------------------


def test_a_secret_stands_in_no_column_of_any_table(hub: Hub) -> None:
    add_target(hub, "cloud", CREDENTIALS)
    kept = repr(hub.rows())
    assert "cloud" in kept
    assert not [value for value in CREDENTIALS.values() if value in kept]


def test_a_secret_can_be_opened_by_the_node_that_asked_and_by_no_other(
    hub: Hub, oslo: Node, bergen: Node
) -> None:
    add_target(hub, "cloud", CREDENTIALS)
    own, other = box_of(hub, oslo), box_of(hub, bergen)
    told = ask(hub, oslo, TargetAsked("cloud"))
    assert json.loads(own.decrypt(told.sealed)) == CREDENTIALS
    assert SECRET.encode() not in pack(told)
    with pytest.raises(nacl.exceptions.CryptoError):
        other.decrypt(told.sealed)


def test_the_same_secret_is_never_sealed_alike_twice(hub: Hub, oslo: Node) -> None:
    add_target(hub, "cloud", CREDENTIALS)
    add_target(hub, "twin", CREDENTIALS)
    box_of(hub, oslo)
    first, second = (ask(hub, oslo, TargetAsked("cloud")).sealed for _ in range(2))
    assert first != second
    with hub.database.reading() as conn:
        kept = conn.scalars(buckets.select().with_only_columns(buckets.c.secret)).all()
    assert len(set(kept)) == len(kept)


def test_a_target_is_found_by_the_tag_that_marks_have(hub: Hub, oslo: Node) -> None:
    add_target(hub, "tape")
    tag = registry.target_tag("tape")
    assert len(tag) == 4
    assert ask(hub, oslo, TargetAsked(tag=tag)) == TargetTold("tape", "file:///srv/t", b"", tag)
    assert ask(hub, oslo, TargetAsked("tape")).tag == tag


def test_a_target_that_is_none_is_told_as_none(hub: Hub, oslo: Node) -> None:
    assert ask(hub, oslo, TargetAsked("nowhere")) == TargetTold("")
    assert ask(hub, oslo, TargetAsked(tag=b"none")) == TargetTold("")
    assert ask(hub, oslo, TargetAsked()) == TargetTold("")


def test_a_secret_under_another_key_is_said_to_be_lost(hub: Hub, oslo: Node) -> None:
    add_target(hub, "cloud", CREDENTIALS)
    with pytest.raises(
        Mistake, match=r"target 'cloud': its secret cannot be decrypted; was hub\.key replaced"
    ):
        ask(hub, oslo, TargetAsked("cloud"), bytes(32))


def test_only_a_node_that_said_hello_is_told_of_targets(hub: Hub) -> None:
    hub.tell(lambda tx: registry.register_node(tx, "oslo", "mute", "U"))
    with pytest.raises(Unknown, match="node mute of site oslo: expected a hello"):
        ask(hub, Node(hub, "oslo", "mute"), TargetAsked("vault"))


@pytest.mark.parametrize(
    ("name", "url", "credentials", "text"),
    [
        ("vault", "file:///srv/other", {}, "target 'vault' stands already"),
        ("no good", "file:///srv/other", {}, "target name: "),
        ("x", "ftp://host/", {}, "target URL: unknown kind"),
        ("x", "file:///srv/x", {"access_key_id": "a"}, "credentials: unknown name 'access_key_id'"),
        ("x", "s3://bucket/", {"access_key_id": "a"}, "found no secret_access_key"),
    ],
)
def test_a_mistake_in_a_target_is_named(
    hub: Hub, name: str, url: str, credentials: dict[str, str], text: str
) -> None:
    with pytest.raises((Mistake, Conflict), match=text):
        hub.tell(lambda tx: registry.add_target(tx, name, url, credentials, HUB_KEY))
    with hub.database.reading() as conn:
        assert [view.name for view in registry.list_targets(conn)] == ["vault"]


def test_a_default_target_cannot_be_forgotten(hub: Hub) -> None:
    hub.tell(lambda tx: registry.set_default_target(tx, "oslo", "vault"))
    with pytest.raises(Conflict, match="target 'vault' is the default target of site oslo; give that site"):
        hub.tell(lambda tx: registry.delete_target(tx, "vault"))
    hub.tell(lambda tx: registry.set_default_target(tx, "oslo", None))
    hub.tell(lambda tx: registry.delete_target(tx, "vault"))
    with hub.database.reading() as conn:
        assert registry.list_targets(conn) == []


def test_what_is_not_there_is_named_with_what_may_be_meant(hub: Hub) -> None:
    with pytest.raises(NotFound, match="no target 'valt', did you mean 'vault'"):
        hub.tell(lambda tx: registry.delete_target(tx, "valt"))
    with pytest.raises(NotFound, match="no target 'valt', did you mean 'vault'"):
        hub.tell(lambda tx: registry.set_default_target(tx, "oslo", "valt"))
    with pytest.raises(NotFound, match="no site 'olso', did you mean 'oslo'"):
        hub.tell(lambda tx: registry.set_default_target(tx, "olso", "vault"))


# Sites and nodes ----------------------------------------------------------------------------------------------


def test_a_site_is_added_once_and_keeps_what_it_said(hub: Hub, oslo: Node) -> None:
    hub.tell(lambda tx: registry.add_site(tx, "oslo"))
    with hub.database.reading() as conn:
        views = {view.name: view for view in registry.list_sites(conn)}
    assert sorted(views) == ["bergen", "oslo"]
    assert (views["oslo"].roots, views["oslo"].unguarded) == ({"data": "/srv/data"}, True)
    with pytest.raises(Mistake, match="site name: "):
        hub.tell(lambda tx: registry.add_site(tx, "a b"))


def test_the_health_of_a_site_is_that_of_its_nodes(hub: Hub) -> None:
    def health() -> str:
        with hub.database.reading() as conn:
            return next(view.health for view in registry.list_sites(conn) if view.name == "oslo")

    assert health() == "critical"
    first, second = hub.node("oslo", "n1"), hub.node("oslo", "n2")
    assert health() == "ok"
    hub.tell(lambda tx: nodes.silence(tx, 1))
    assert health() == "warning"
    hub.tell(lambda tx: nodes.silence(tx, 2))
    assert health() == "critical"
    first.beat()
    second.hello()
    assert health() == "ok"


def test_a_node_that_is_registered_again_has_a_new_key_and_its_old_work(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.tell(lambda tx: registry.register_node(tx, "oslo", "n1", "UNEW"))
    with hub.database.reading() as conn:
        assert registry.NodeName("oslo", "n1", "UNEW") in registry.list_nodes(conn)
    assert oslo.beat().drop == []
    assert one.run in oslo.runs


# Keys of the API ----------------------------------------------------------------------------------------------


def test_of_a_key_only_a_digest_is_kept(hub: Hub) -> None:
    key = hub.tell(lambda tx: registry.make_api_key(tx, "ana"))
    assert key.removeprefix("towpath_") not in repr(hub.rows())
    with hub.database.reading() as conn:
        (row,) = conn.execute(api_keys.select())
        opened = keys.open_with_key(conn, key, now=0)
        assert opened is not None
        assert opened[0].user == "ana"
        assert keys.open_with_key(conn, key[:-1], now=0) is None
        assert keys.open_with_key(conn, "", now=0) is None
    assert len(row.digest) == 32


def test_each_key_is_another(hub: Hub) -> None:
    first, second = (hub.tell(lambda tx: registry.make_api_key(tx, "ana")) for _ in range(2))
    assert first != second
    assert len(first) > 40


# Buckets ------------------------------------------------------------------------------------------------------


def test_targets_in_one_bucket_share_its_credentials_and_take_the_new_ones(hub: Hub, oslo: Node) -> None:
    box = box_of(hub, oslo)
    hub.tell(lambda tx: registry.add_bucket(tx, "cloud", "s3://bkt?region=eu-1", CREDENTIALS, HUB_KEY))
    for name in ("one", "two"):
        hub.tell(partial(registry.add_target_in, name=name, bucket="cloud", prefix=f"p/{name}", traits=COLD))
    told = ask(hub, oslo, TargetAsked("two"))
    assert (told.url, told.storage_class) == ("s3://bkt/p/two?region=eu-1", "GLACIER")
    assert json.loads(box.decrypt(told.sealed)) == CREDENTIALS
    fresh = CREDENTIALS | {"secret_access_key": "another"}
    hub.tell(lambda tx: registry.set_credentials(tx, "cloud", fresh, HUB_KEY))
    for name in ("one", "two"):
        assert json.loads(box.decrypt(ask(hub, oslo, TargetAsked(name)).sealed)) == fresh
    with hub.database.reading() as conn:
        views = {view.name: view for view in registry.list_buckets(conn)}
    assert (views["cloud"].targets, views["cloud"].has_credentials) == (("one", "two"), True)


def test_a_target_at_a_url_makes_a_bucket_of_its_name_and_takes_it_along(hub: Hub) -> None:
    add_target(hub, "cloud", CREDENTIALS, "s3://bkt/some/prefix?region=eu-1")
    with hub.database.reading() as conn:
        views = {view.name: view for view in registry.list_buckets(conn)}
        (target,) = [view for view in registry.list_targets(conn) if view.name == "cloud"]
    assert views["cloud"].url == "s3://bkt?region=eu-1"
    assert target.url == "s3://bkt/some/prefix?region=eu-1"
    hub.tell(lambda tx: registry.add_target_in(tx, "other", "cloud", "else"))
    hub.tell(lambda tx: registry.delete_target(tx, "cloud"))
    with pytest.raises(Conflict, match="bucket 'cloud' is that of target 'other'"):
        hub.tell(lambda tx: registry.remove_bucket(tx, "cloud"))
    hub.tell(lambda tx: registry.delete_target(tx, "other"))
    hub.tell(lambda tx: registry.remove_bucket(tx, "cloud"))
    with pytest.raises(NotFound, match="no bucket 'cloud'"):
        hub.tell(lambda tx: registry.set_credentials(tx, "cloud", CREDENTIALS, HUB_KEY))


@pytest.mark.parametrize(
    ("prefix", "storage_class", "text"),
    [
        ("a//b", "", "expected a prefix without"),
        ("a/../b", "", "without '..'"),
        ("x" * 200, "", "at most 127 bytes"),
        ("", "Cool", "storage class: expected a name of S3's"),
    ],
)
def test_a_mistake_in_a_target_of_a_bucket_is_named(
    hub: Hub, prefix: str, storage_class: str, text: str
) -> None:
    hub.tell(lambda tx: registry.add_bucket(tx, "cloud", "s3://bkt", CREDENTIALS, HUB_KEY))
    with pytest.raises(Mistake, match=text):
        hub.tell(lambda tx: registry.add_target_in(tx, "x", "cloud", prefix, Traits(storage_class)))
    with pytest.raises(Mistake, match="storage class: file:// has none"):
        hub.tell(lambda tx: registry.add_target_in(tx, "x", "vault", "p", Traits("GLACIER")))
    with pytest.raises(NotFound, match="no bucket 'clod', did you mean 'cloud'"):
        hub.tell(lambda tx: registry.add_target_in(tx, "x", "clod"))


def test_targets_of_a_database_of_before_get_buckets_of_their_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    schema.upgrade(url, "0002")
    secret = bytes(nacl.secret.SecretBox(HUB_KEY).encrypt(json.dumps(CREDENTIALS).encode()))
    with sqlite3.connect(tmp_path / "old.db") as old:
        row = ("cloud", registry.target_tag("cloud"), "s3://bkt/p?region=eu-1", secret)
        old.execute("INSERT INTO targets (name, tag, url, secret, created_at) VALUES (?, ?, ?, ?, 1)", row)
    old.close()
    schema.upgrade(url)
    clock = Numbers()
    hub = furnish(Database(url, clock), clock)
    oslo = hub.node("oslo")
    box = box_of(hub, oslo)
    told = ask(hub, oslo, TargetAsked("cloud"))
    assert told.url == "s3://bkt/p?region=eu-1"
    assert json.loads(box.decrypt(told.sealed)) == CREDENTIALS
    hub.tell(lambda tx: registry.delete_target(tx, "cloud"))
    with hub.database.reading() as conn:
        assert [view.name for view in registry.list_buckets(conn)] == ["vault"]
    hub.database.stop()
