"""Puts text of unknown origin between marks, so that nothing in it can pass for a part of the request.

What is guaranteed is structure only: where data begin and end. Words inside may still sway a model.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CUT: Final = " (cut)"
"""Ends a text that was longer than it may be."""

_TAGS: Final = str.maketrans({"<": "(", ">": ")"})
"""Marks and chat templates are made of these."""

_HARMLESS: Final = _TAGS | str.maketrans({"[": "(", "]": ")", "{": "(", "}": ")", "`": "'", "#": "", "|": "/"})
"""These, and what JSON, code and headings are made of; plain sentences lose nothing without them."""

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories that no reader sees: controls, direction and tag characters, halves, private and unassigned."""


@dataclass(frozen=True, slots=True)
class Block:
    """Data under a title of our own; `lines` is harmless text (see `harmless`)."""

    title: str
    lines: tuple[str, ...]


def harmless(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters, without the signs that could pass for structure.

    Compatibility forms (full-width brackets) are taken for what they look like, what is invisible is left out.
    """
    return _line(text, most, _HARMLESS)


def harmless_json(text: str, most: int) -> str:
    """The same, but brackets and braces stay: for a model's own reply, shown to it again."""
    return _line(text, most, _TAGS)


def harmless_lines(text: str, most: int) -> tuple[str, ...]:
    """The lines of `text`, each harmless, together at most `most` characters; whole lines are left out at the end."""
    lines: list[str] = []
    left = most
    for raw in text[: 4 * most].split("\n"):
        line = harmless(raw, most)
        if len(line) > left:
            return (*lines, CUT.strip())
        lines.append(line)
        left -= len(line)
    return tuple(lines) if len(text) <= 4 * most else (*lines, CUT.strip())


def mark_of(blocks: Sequence[Block]) -> str:
    """A mark that stands for exactly these blocks: 16 hex digits of their SHA-256.

    Equal data make an equal request, which recorded answers need. Text cannot hold the mark of data of which it is a
    part, short of breaking the hash.
    """
    digest = hashlib.sha256()
    for block in blocks:
        for text in (block.title, *block.lines):
            digest.update(len(text).to_bytes(8, "big") + text.encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def marked(blocks: Sequence[Block], mark: str) -> str:
    """All blocks, each between its marks; every line of data begins with "| "."""
    return "\n".join(
        "\n".join(
            (
                f"<<<DATA {block.title} {mark}>>>",
                *(f"| {line}" for line in block.lines),
                f"<<<END {block.title} {mark}>>>",
            )
        )
        for block in blocks
    )


def _line(text: str, most: int, signs: Mapping[int, str]) -> str:
    # A megabyte is cut before the work; again afterwards, since one character may become eighteen (NFKC).
    known = unicodedata.normalize("NFKC", text[: 4 * most])
    seen = "".join(
        " " if character.isspace() else character
        for character in known
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE
    )
    line = " ".join(seen.translate(signs).split())
    if len(line) <= most and len(text) <= 4 * most:
        return line
    return line[: most - len(CUT)].rstrip() + CUT
