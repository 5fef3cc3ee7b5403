"""What a process that runs for long has Python's collector do."""

import subprocess
import sys

LOOKED = """
import gc
from towpath.cli.loading import stay
made = [[] for _ in range(1000)]
stay()
print(gc.get_freeze_count() >= 1000, gc.get_threshold()[0] > 700)
"""


def test_the_collector_passes_over_what_stays_and_looks_less_often_at_what_comes() -> None:
    ran = subprocess.run([sys.executable, "-c", LOOKED], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True"]
