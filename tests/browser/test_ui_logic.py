"""What of the web UI has logic: its own tests, by Vitest."""

import os
import subprocess
from pathlib import Path

from tests.npm import NODE

UI = Path(__file__).parents[2] / "ui"


def test_the_tests_of_the_ui_pass(tmp_path: Path) -> None:
    vitest = UI / "node_modules" / "vitest" / "vitest.mjs"
    assert vitest.is_file(), "run `make ui`"
    command = [str(NODE), str(vitest), "run", "--configLoader=runner", "--reporter=dot"]
    done = subprocess.run(
        command,
        cwd=UI,
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "CI": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
