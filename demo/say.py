"""What the demo prints."""

from rich.console import Console

console = Console(highlight=False)
if not console.is_terminal:
    console = Console(highlight=False, width=120)


def say(text: str) -> None:
    """A line for people."""
    console.print(text, soft_wrap=True)


def title(text: str) -> None:
    """A new part of the story."""
    console.print()
    console.rule(f"[bold]{text}[/]", align="left")
