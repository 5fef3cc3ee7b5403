"""The peer's application: a task that does nothing, with its result kept. `BENCH_REDIS` is its server's socket."""

import os

from celery import Celery

SOCKET = os.environ["BENCH_REDIS"]

app = Celery("peer", broker=f"redis+socket://{SOCKET}", backend=f"redis+socket://{SOCKET}?virtual_host=1")
app.conf.update(
    task_acks_late=False,
    task_ignore_result=False,
    task_track_started=False,
    worker_prefetch_multiplier=128,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    result_expires=3600,
)


@app.task(name="noop")  # type: ignore[untyped-decorator, unused-ignore]  # where the peer is not installed, it is no type
def noop(path: str) -> str:
    """Nothing, for a path."""
    return path
