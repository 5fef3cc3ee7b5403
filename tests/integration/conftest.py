"""The fixtures of the integration tests."""

from tests.fixtures_nats import anyio_backend, bus

__all__ = ["anyio_backend", "bus"]
