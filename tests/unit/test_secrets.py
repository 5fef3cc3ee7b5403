"""What is secret stands nowhere in the files of the hub's database."""

from pathlib import Path

from tests.hub_desk import make_hub

from towpath.engine import registry

CREDENTIALS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "correct-horse-battery-staple"}


def test_no_secret_and_no_key_of_the_api_stands_in_a_file(tmp_path: Path) -> None:
    hub = make_hub(tmp_path)
    url = "s3://bucket/prefix?endpoint=http://127.0.0.1:1"
    hub.tell(lambda tx: registry.add_target(tx, "cloud", url, CREDENTIALS, bytes(32)))
    key = hub.tell(lambda tx: registry.make_api_key(tx, "ana"))
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    hub.database.stop()
    written += b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"cloud" in written
    for secret in (*CREDENTIALS.values(), key, key.removeprefix("towpath_")):
        assert secret.encode() not in written
