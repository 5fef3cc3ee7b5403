"""A hub for programs: `Client` waits for answers, `AsyncClient` is awaited; both speak the same calls."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from towpath.client import errors

if TYPE_CHECKING:
    from towpath.client.awaiting import AsyncClient as AsyncClient
    from towpath.client.blocking import Client as Client
    from towpath.client.connection import Connection as Connection
    from towpath.client.jobs import AsyncJob as AsyncJob
    from towpath.client.jobs import Job as Job
    from towpath.client.plans import Retries as Retries
    from towpath.client.shapes import JobFacts as JobFacts
    from towpath.client.waiting import Patience as Patience

HOMES = {
    "AsyncClient": "awaiting",
    "AsyncJob": "jobs",
    "Client": "blocking",
    "Connection": "connection",
    "Job": "jobs",
    "JobFacts": "shapes",
    "Patience": "waiting",
    "Retries": "plans",
}
"""Where each name is: loaded when it is asked for, since the HTTP library takes a while."""

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Connection",
    "Job",
    "JobFacts",
    "Patience",
    "Retries",
    "errors",
]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'towpath.client' has no attribute '{name}'")
    return getattr(import_module(f"towpath.client.{HOMES[name]}"), name)
