"""What is looked for on every page: faults that axe finds, sideways scrolling, and how much stands in the document."""

from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Page, expect

AXE: Final = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
WCAG: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
BRIEF: Final = {"resultTypes": ["violations"], "selectors": False}
"""Of what axe finds, only what is read here is worked out."""
COLOURS: Final = ("color-contrast", "link-in-text-block")
"""Of those rules, the ones that look at colours."""
FOUND: Final = """
async ([within, asked]) => (await axe.run(within || document, asked)).violations.map(
  one => [one.id, one.help, one.nodes.slice(0, 4).map(node => node.html.slice(0, 300))])
"""
WIDER: Final = """
() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1).slice(0, 5)
  .map(one => one.outerHTML.slice(0, 200))
"""


def settled(page: Page) -> None:
    """Wait until the page has its name, and reads nothing more."""
    page.locator("h1").first.wait_for()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def violations(page: Page, within: str = "") -> Any:
    """What axe finds on a page, or in the part of it that a selector names."""
    return _axe(page, within, {"runOnly": list(WCAG)})


def unreadable(page: Page) -> Any:
    """Text whose colour is too near to that of its ground, or of what a link stands in."""
    return _axe(page, "", {"runOnly": {"type": "rule", "values": list(COLOURS)}})


def flaws(page: Page) -> list[Any]:
    """What axe finds on a screen in light and in dark colours, which it is left in."""
    dress(page, "light")
    found = violations(page)
    dress(page, "dark")
    # A scheme sets colours alone, which test_schemes.py says: what no rule of colours finds was found in light.
    return [*found, *unreadable(page)]


def dress(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Give a screen the colours that the reader's system asks for."""
    page.emulate_media(color_scheme=scheme)
    page.locator(f"html[data-mantine-color-scheme={scheme}]").wait_for()


def _axe(page: Page, within: str, asked: dict[str, object]) -> Any:
    # As a developer would from the console: the page's own policy lets no such script in.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    return page.evaluate(FOUND, [within, asked | BRIEF])


def wider(page: Page) -> Any:
    """What sticks out to the right, where the page can be scrolled sideways."""
    return page.evaluate(WIDER)


def elements(page: Page) -> int:
    """How many elements stand in the document."""
    return int(page.evaluate("() => document.querySelectorAll('*').length"))
