"""A scheme sets colours alone: what is no matter of colour need be looked for in one of the two."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).parents[2]
SOURCES: Final = TOP / "ui" / "src"
REFERENCE: Final = TOP / "src" / "towpath" / "api" / "docs.html"
GUARDED: Final = re.compile(
    r"([^{}]*(?:data-mantine-color-scheme|prefers-color-scheme)[^{}]*)\{((?:[^{}]|\{[^{}]*\})*)\}"
)
"""What holds in one scheme: what it holds for, and its declarations."""
DECLARED: Final = re.compile(r"([\w-]+)\s*:\s*([^;{}]+)")
PAINTS: Final = re.compile(r"--.*|color|background-color|border-color|fill|stroke|box-shadow|border")
"""Properties that take no room; of a border, that it is there in both schemes is looked at."""
PLAIN: Final = r"#[0-9a-f]{3,8}|transparent"
NAMED: Final = r"var\(--(?!mantine-scale)[\w-]+(?:,\s*(?:#[0-9a-f]{3,8}|none|var\(--[\w-]+\)))?\)"
COLOUR: Final = rf"(?:{PLAIN}|{NAMED})"
PAINT: Final = re.compile(rf"{COLOUR}|inherit|none|light|dark")
HIDES: Final = ("light-hidden", "dark-hidden")
"""Classes of Mantine that hide an element in one scheme."""
ASKS: Final = re.compile(
    "useComputedColorScheme|useColorScheme|lightHidden|darkHidden|data-mantine-color-scheme"
)


def declarations(style: str) -> Iterator[tuple[str, str, str]]:
    """Whom it is for, property and value of all that holds in one scheme."""
    for whom, body in GUARDED.findall(style):
        if not any(hides in whom for hides in HIDES):
            yield from ((whom, what, value.strip()) for what, value in DECLARED.findall(body))


def test_what_a_scheme_sets_is_how_something_is_painted(built: Path) -> None:
    styles = [*built.glob("assets/*.css"), REFERENCE]
    found = [one for style in styles for one in declarations(style.read_text("utf-8"))]
    assert len(found) > 500
    borders = [(whom, value) for whom, what, value in found if what == "border"]
    others = [one for one in found if one[1] != "border"]
    assert [one for one in others if not (PAINTS.fullmatch(one[1]) and PAINT.fullmatch(one[2]))] == []
    light, dark = (
        {
            (whom.replace(scheme, ""), re.sub(rf"{COLOUR}$", "", value))
            for whom, value in borders
            if scheme in whom
        }
        for scheme in ("light", "dark")
    )
    assert light == dark


def test_no_part_of_a_screen_asks_which_scheme_it_has() -> None:
    sources = [path for path in SOURCES.rglob("*") if path.suffix in {".ts", ".tsx", ".css"}]
    assert len(sources) > 50
    assert [path.name for path in sources if ASKS.search(path.read_text("utf-8"))] == []


def test_what_the_theme_sets_by_scheme_are_colours() -> None:
    theme = (SOURCES / "theme.ts").read_text("utf-8")
    for scheme in ("light", "dark"):
        [variables] = re.findall(rf"\n  {scheme}: \{{\n(.*?)\n  \}}", theme, re.DOTALL)
        found = re.findall(r'"(--[\w-]+)": "([^"]*)"', variables)
        assert len(found) > 20
        assert [name for name, value in found if not re.fullmatch(COLOUR, value)] == []
