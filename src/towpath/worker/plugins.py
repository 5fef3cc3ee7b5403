"""The steps and discoveries that a node knows, found by their entry points: those built in come the same way."""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import structlog

from towpath.discovery.protocol import Discovery
from towpath.domain.catalogue import INSTALLED, StepSpec
from towpath.domain.lives import OWN_STEPS
from towpath.steps.protocol import Step

log = structlog.get_logger()


def installed_steps() -> dict[str, Step]:
    """Every step of this installation under its name and its aliases."""
    steps: dict[str, Step] = {}
    for step in _loaded(entry_points(group="towpath.steps")):
        for name in (step.spec.name, *step.spec.aliases):
            steps.setdefault(name, step)
    return steps


def installed_discoveries() -> dict[str, Discovery]:
    """Every discovery of this installation under its name."""
    return {discovery.name: discovery for discovery in _loaded(entry_points(group="towpath.discovery"))}


def beyond_built_in(steps: Mapping[str, Step]) -> list[StepSpec]:
    """The specs of steps that the hub does not know by itself."""
    specs = {step.spec.name: step.spec for step in steps.values()}
    known = (INSTALLED.find, OWN_STEPS.get)
    return [spec for name, spec in sorted(specs.items()) if not any(find(name) for find in known)]


def _loaded(found: Iterable[EntryPoint]) -> list[Any]:
    """An instance of each; what cannot be had is logged and left out, so that the others still run."""
    loaded = []
    for point in sorted(found, key=lambda p: p.name):
        try:
            loaded.append(point.load()())
        except Exception:  # A boundary: a plugin is somebody else's code, and may fail in any way.
            log.exception("a plugin could not be loaded; it is left out", plugin=point.name, of=point.group)
    return loaded
