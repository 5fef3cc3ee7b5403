"""Targets as people meet them: a node says how one is, and what stands there."""

import json

from tests.acceptance.world import World
from tests.fixtures_azurite import Azurite
from tests.fixtures_gcs import Google
from tests.fixtures_seaweed import Seaweed
from tests.fixtures_sftp import Sftp


def test_a_check_runs_at_a_node_and_says_exactly_what_is_wrong(
    world: World, seaweed: Seaweed, bucket: str
) -> None:
    good = {"name": "cloud", "url": seaweed.url(bucket), "credentials": seaweed.credentials}
    world.post("/api/targets/", good)
    checked = world.json("target", "check", "cloud", "--site", "bergen")
    assert (checked["works"], checked["site"]) == (True, "bergen")
    assert all(finding["well"] for finding in checked["findings"])
    wrong = seaweed.credentials | {"secret_access_key": "hunter2hunter2"}
    world.post("/api/targets/", {"name": "locked", "url": seaweed.url(bucket), "credentials": wrong})
    said = world.run("target", "check", "locked", status=3)
    assert "target locked does not work, seen from node " in said
    assert (
        "wrong      credentials  the store knows the access key id, and refuses the secret access key" in said
    )
    assert "hunter2" not in said
    assert "did you mean 'cloud'" in world.command("target", "check", "cloudy").err


def test_a_directory_that_is_not_there_is_told(world: World) -> None:
    world.post("/api/targets/", {"name": "elsewhere", "url": "file:///nowhere/at/all"})
    said = world.run("target", "check", "elsewhere", status=3)
    assert "wrong      directory    target directory '/nowhere/at/all': No such file or directory" in said
    assert "not tried  trial" in said


def test_what_stands_at_a_target_is_listed_page_by_page(world: World) -> None:
    place = world.root / "browsed"
    world.post("/api/targets/", {"name": "browsed", "url": place.as_uri()})
    (place / "a").mkdir(parents=True)
    (place / "b").mkdir()
    for number in range(25):
        (place / "a" / f"f{number:02}").write_bytes(b"x" * number)
    (place / "b" / "one").write_bytes(b"1")
    names = [f"a/f{number:02}" for number in range(25)]
    assert [row["key"] for row in world.json("target", "browse", "browsed")] == [*names, "b/one"]
    assert [row["size"] for row in world.json("target", "browse", "browsed", "a")] == list(range(25))
    lines = world.run("target", "browse", "browsed", "--jsonl", "--limit", "7").splitlines()
    assert [json.loads(line)["key"] for line in lines] == names[:7]
    seen, after = [], ""
    while after is not None:
        page = world.get("/api/targets/browsed/objects/", {"page_size": "10", "after": after})
        seen += [row["key"] for row in page["results"]]
        after = page["next"]
    assert seen == [*names, "b/one"]
    assert "nothing stands there" in world.command("target", "browse", "browsed", "c").err


def test_files_go_to_an_sftp_server_and_come_back(world: World, sftp: Sftp) -> None:
    name = sftp.fresh_directory()
    world.post("/api/targets/", {"name": "far", "url": sftp.url(name), "credentials": sftp.by_key})
    assert world.json("target", "check", "far")["works"]
    place = world.fresh("by-sftp")
    contents = {f"f{number}": bytes([number]) * 200_000 for number in range(20)}
    for file, content in contents.items():
        (place / file).write_bytes(content)
    world.do("migrate", place, {"endpoint": "far"})
    assert all((place / file).stat().st_blocks == 0 for file in contents)
    assert sum(path.name.startswith("f") for path in (sftp.directory / name).rglob("*@*")) == 20
    assert len(world.json("target", "browse", "far", "oslo")) == 20
    world.do("recall", place)
    assert {file: (place / file).read_bytes() for file in contents} == contents


def test_files_go_to_google_with_the_key_file_of_an_account_and_come_back(
    world: World, google: Google, bucket: str
) -> None:
    key = world.root / "account.json"
    key.write_text(google.account.key_file)
    target = ("target", "add", "google", google.url(bucket, "cold"), "--class", "NEARLINE")
    world.run(*target, "--credentials", str(key))
    assert world.json("target", "check", "google")["works"]
    place = world.fresh("by-google")
    contents = {f"f{number}": bytes([number]) * 200_000 for number in range(10)}
    contents["large"] = b"large" * 2_000_000
    for file, content in contents.items():
        (place / file).write_bytes(content)
    world.do("migrate", place, {"endpoint": "google"})
    assert all((place / file).stat().st_blocks == 0 for file in contents)
    keys = [row["key"] for row in world.json("target", "browse", "google", "oslo")]
    found = [google.front.objects.find(bucket, f"cold/{key}") for key in keys]
    assert sorted(each.size for each in found if each is not None) == [200_000] * 10 + [10_000_000]
    assert {each.storage_class for each in found if each is not None} == {"NEARLINE"}
    world.do("recall", place)
    assert {file: (place / file).read_bytes() for file in contents} == contents
    locked = world.root / "locked.json"
    locked.write_text(google.limited("objects.create")["service_account_key"])
    world.run("bucket", "credentials", "google", str(locked))
    said = world.run("target", "check", "google", status=3)
    assert "wrong      put          no right to put objects (403 AccessDenied: " in said


THAW = {
    "name": "thaw",
    "filter_rules": [
        {
            "type": "file",
            "state": "all",
            "action": [{"name": "recall", "patience": {"archive_first": 0, "archive_longest": 1}}],
        }
    ],
}


def test_files_whose_objects_lie_in_an_archive_wait_without_a_slot_and_come_back(
    world: World, azurite: Azurite, container: str
) -> None:
    cold = {"name": "cold", "url": azurite.url(container), "credentials": azurite.credentials}
    world.post("/api/targets/", cold | {"storage_class": "Archive"})
    world.post("/api/workflows/", THAW)
    place = world.fresh("frozen")
    for number in range(5):
        (place / f"f{number}").write_bytes(b"ice" * 10_000)
    world.do("migrate", place, {"endpoint": "cold"})
    assert all((place / f"f{number}").stat().st_blocks == 0 for number in range(5))
    rows = world.json("target", "browse", "cold", "oslo")
    tiers = [azurite.ask("HEAD", f"{container}/{row['key']}", {}).headers["x-ms-access-tier"] for row in rows]
    assert tiers == ["Archive"] * 5
    ended = world.do("thaw", place)
    assert ended["totals"]["done"] == 5
    assert all((place / f"f{number}").read_bytes() == b"ice" * 10_000 for number in range(5))


def test_no_secret_stands_in_any_file_log_or_answer(world: World, seaweed: Seaweed, bucket: str) -> None:
    secret = "correct-horse-battery-staple"
    place = world.fresh("secret")
    (place / "f").write_bytes(b"x")
    keys = seaweed.credentials
    for name, given in (("right", keys), ("wrong", keys | {"secret_access_key": secret})):
        asked = {"name": name, "url": seaweed.url(bucket, name), "credentials": given}
        world.post("/api/targets/", asked)
        world.do("premigrate", place, {"endpoint": name}, "SUCCESS" if name == "right" else "FAILURE")
    world.command("target", "check", "wrong")
    fresh = {"access_key_id": "k", "secret_access_key": f"{secret}-2"}
    world.api.put("/api/buckets/wrong/credentials/", json=fresh).raise_for_status()
    shown = [world.api.get(f"/api/{each}/").text for each in ("buckets", "buckets/wrong", "targets", "jobs")]
    written = [path.read_bytes() for path in world.home.rglob("*") if path.is_file()]
    assert any(b"access_key" not in each and b"vault" in each for each in written)
    for found in (keys["secret_access_key"].encode(), secret.encode()):
        assert not [each for each in written if found in each]
        assert not [each for each in shown if found.decode() in each]


def test_keys_follow_the_template_of_their_target_and_come_back(world: World) -> None:
    place = world.root / "templated"
    url = {"name": "templated", "url": place.as_uri(), "template": "{site}/kept/{path}"}
    world.post("/api/targets/", url)
    tree = world.fresh("templated")
    (tree / "f").write_bytes(b"hello")
    world.do("migrate", tree, {"endpoint": "templated"})
    keys = [row["key"] for row in world.json("target", "browse", "templated", "oslo")]
    assert [key.rpartition("@")[0] for key in keys] == [f"oslo/kept/{tree.relative_to(world.site('oslo'))}/f"]
    world.do("recall", tree)
    assert (tree / "f").read_bytes() == b"hello"
    assert (
        "template: expected" in world.command("target", "add", "x", "file:///x", "--template", "{path}").err
    )
