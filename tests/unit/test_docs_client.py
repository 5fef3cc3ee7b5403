"""The examples of the page on the client run as they stand there."""

import re
from pathlib import Path

import pytest
from tests.fixtures_api import Api, api, laid
from tests.unit.test_client import node_at_work

__all__ = ["api", "laid"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "client.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number: int, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWPATH_URL", api.url)
    monkeypatch.setenv("TOWPATH_API_KEY", api.key)
    api.http.post("/api/targets/", json={"name": "vault", "url": f"file://{api.context.settings.home}/vault"})
    api.http.patch("/api/sites/oslo/", json={"default_target": "vault"}).raise_for_status()
    text = EXAMPLES[number]
    # A job that is over cannot be paused any more: the node sets out once the example has paused and resumed it.
    with node_at_work(api, wishes=text.count("job.pause(") + text.count("job.resume(")):
        exec(compile(text, f"docs/client.md, example {number + 1}", "exec"), {})
