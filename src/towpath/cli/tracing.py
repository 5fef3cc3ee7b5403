"""Whether a serving command tells a collector of spans, as the environment says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from towpath.domain.errors import Mistake

if TYPE_CHECKING:
    from towpath.otlp import Collector

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN: Final = "http/protobuf"


def is_wanted(env: Mapping[str, str]) -> bool:
    """Whether the environment names a collector; raises `Mistake` where it is to be spoken to in another way."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    if exporter == "none" or not any(env.get(name, "").strip() for name in ENDPOINTS):
        return False
    if exporter != "otlp":
        raise Mistake(f"OTEL_TRACES_EXPORTER: expected otlp or none, found '{exporter}'")
    for name in PROTOCOLS:
        spoken = env.get(name, "").strip().lower()
        if spoken and spoken != SPOKEN:
            raise Mistake(f"{name}: expected {SPOKEN}, found '{spoken}'")
    return True


@contextmanager
def collecting(env: Mapping[str, str], role: str, instance: str) -> Iterator["Collector | None"]:
    """Where spans are told of, closed at the end; None, and nothing is loaded, where no collector is named."""
    if not is_wanted(env):
        yield None
        return
    try:
        # Loaded only here: whoever traces nothing needs none of it.
        from towpath.otlp import Collector  # noqa: PLC0415
    except ImportError as error:
        named = next(name for name in ENDPOINTS if env.get(name, "").strip())
        raise Mistake(
            f"{named} is set, and what sends traces is not installed ({error}): pip install 'towpath[otel]'"
        ) from None
    collector = Collector(role, instance)
    try:
        yield collector
    finally:
        collector.close()
