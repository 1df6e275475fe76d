"""What every picture of an evaluation has in common: its frame, its type and how text gets into it (SVG)."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from configs.yamlfile import printable


def document(width: float, height: float, shapes: Iterable[str]) -> str:
    """A whole file, so many pixels across and high; it scales, and needs nothing from outside."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12" fill="#222222">'
    )
    return "\n".join([head, *shapes, "</svg>", ""])


def words(text: str) -> str:
    """Text from outside as it may stand in a picture."""
    return escape(printable(text, 200))
