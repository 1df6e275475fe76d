"""What is said of the ways out: where verdicts go, and whether they arrive. Pure functions."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.text import Text

from monitor.outputs.cells import harmless, sentence
from monitor.outputs.dashboard.live import OVER
from monitor.outputs.theme import GREY, Theme
from monitor.snapshot import OutputState, OutputStatus, Snapshot

GREETS_S: Final = 30.0
"""For so long a session's beginning shows where its page is (media time, s). Not longer: a link may hold a token, and
a dashboard is looked at by others too; the page of health has it all the time."""

_WORST_FIRST: Final = (OutputState.STOPPED, OutputState.DOWN, OutputState.CONNECTING, OutputState.UP)

Pieces = list[tuple[str, str]]


def outputs_note(snapshot: Snapshot, width: int, theme: Theme) -> Text | None:
    """Every destination with its state on one line; None where there is none.

    Where that is too long, those that are up go without their word; then those that do worst are told and the others
    counted.
    """
    if not snapshot.outputs:
        return None
    for brief in (False, True):
        pieces = _listed(snapshot.outputs, theme, brief=brief)
        if _width(pieces) <= width:
            return sentence(pieces, width, theme)
    worst = sorted(snapshot.outputs, key=lambda one: _WORST_FIRST.index(one.state))
    for count in range(len(worst) - 1, 0, -1):
        more: Pieces = [(f"  +{len(worst) - count}: h", GREY)]
        pieces = _listed(worst[:count], theme, brief=True)
        if _width([*pieces, *more]) <= width:
            break
    else:
        more, pieces = [], _listed(worst[:1], theme, brief=True)
    return sentence([*pieces, *more], width, theme)


def outputs_lines(snapshot: Snapshot, width: int, theme: Theme) -> list[Text]:
    """Each destination with why and with what waits, and below it where a person finds it."""
    lines: list[Text] = []
    for one in snapshot.outputs:
        glyph, _, style = theme.output(one.state)
        said = [_word(one), one.reason]
        pieces = [(f"{glyph} ", style), (one.name, "bold"), (f" {': '.join(text for text in said if text)}", style)]
        lines.append(sentence(pieces, width, theme))
        if one.link:
            lines.append(_link(harmless(one.link, theme), width))
    return lines


def greeting(snapshot: Snapshot, width: int, theme: Theme) -> Text | None:
    """Where a person finds the page, at a session's beginning; a link that cannot be shown whole is not shown."""
    found = next((one for one in snapshot.outputs if one.link and one.state is OutputState.UP), None)
    if found is None or snapshot.state in OVER or snapshot.media_s >= GREETS_S:
        return None
    glyph, _, style = theme.output(found.state)
    link = harmless(found.link, theme)
    room = width - cell_len(f"{glyph} ")
    said = next(
        (text for text in (f"{found.name} at {link}", link) if cell_len(text) <= room),
        f"{found.name} is up: h shows its link",
    )
    return sentence([(f"{glyph} ", style), (said, "bold")], width, theme)


def undelivered(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What was not delivered when the session ended, as (name, words)."""
    return [
        (one.name, f"{one.waiting} not delivered yet; what waits goes out with the next session that publishes there")
        for one in snapshot.outputs
        if one.waiting
    ]


def output_words(one: OutputStatus) -> str:
    """A destination's state in one phrase: where it is found, or what is the matter with it."""
    troubled = one.state in {OutputState.DOWN, OutputState.STOPPED}
    why = f": {one.reason}" if one.reason and troubled else ""
    where = f" at {one.link}" if one.link and not troubled else ""
    return f"{one.name} {one.state.value}{where}{why}"


def _link(link: str, width: int) -> Text:
    """On a line of its own, and where it is longer on several: it is there to be copied."""
    indent = "  at " if cell_len(link) + 5 <= width else ""
    return Text(indent + link, end="", overflow="fold")


def _word(one: OutputStatus) -> str:
    waiting = f"{one.waiting} waiting" if one.waiting else ""
    return ", ".join(text for text in (one.state.value, waiting) if text)


def _listed(outputs: tuple[OutputStatus, ...] | list[OutputStatus], theme: Theme, *, brief: bool) -> Pieces:
    pieces: Pieces = []
    for one in outputs:
        glyph, _, style = theme.output(one.state)
        word = _word(one)
        if brief and one.state is OutputState.UP:
            word = f"{one.waiting} waiting" if one.waiting else ""
        between = f"  {theme.glyphs.separator}  " if pieces else ""
        pieces += [(between, GREY), (f"{harmless(one.name, theme)} ", "default"), (f"{glyph} {word}".rstrip(), style)]
    return pieces


def _width(pieces: Pieces) -> int:
    return sum(cell_len(text) for text, _ in pieces)
