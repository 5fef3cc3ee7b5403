"""The fixtures of the acceptance tests: real hubs, each in a home of its own, that never outlive the tests."""

from tests.fixtures_hub import make_hub, make_shared_hub, reaper

__all__ = ["make_hub", "make_shared_hub", "reaper"]
