"""Colours and glyphs of the terminal: a meaning is always a glyph and a word, the colour only repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich import box

from monitor.colours import GREEN, ORANGE, PURPLE, SKY, VERMILION
from monitor.judges.base import Label
from monitor.snapshot import EstimateLabel, OutputState, SessionState

GREY: Final = "bright_black"
"""Beside the colours of `monitor.colours`, which Rich maps to what the terminal has."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of one repertoire; every one is a single cell wide, `levels` rise from 0 to 1."""

    up: str
    down: str
    dot: str
    ring: str
    bang: str
    ellipsis: str
    dash: str
    separator: str
    levels: str
    line: str
    span: str
    middle: str
    box: box.Box


UNICODE: Final = Glyphs("▲", "▼", "●", "○", "!", "…", "\u2013", "·", "▁▂▃▄▅▆▇█", "─", "━", "┼", box.ROUNDED)
ASCII: Final = Glyphs("^", "v", "*", "o", "!", "~", "-", "|", "_.,-=+*#", "-", "=", "+", box.ASCII)


@dataclass(frozen=True, slots=True)
class Theme:
    """How things look. `ascii_only` keeps to 7-bit glyphs and replaces what else a name may hold by `?`."""

    ascii_only: bool = False

    @property
    def glyphs(self) -> Glyphs:
        """The repertoire in use."""
        return ASCII if self.ascii_only else UNICODE

    def label(self, label: EstimateLabel | Label) -> tuple[str, str, str]:
        """Glyph, word and style of an answer."""
        glyphs = self.glyphs
        match label:
            case EstimateLabel.POSITIVE | Label.POSITIVE:
                return glyphs.up, label.value, SKY
            case EstimateLabel.NEGATIVE | Label.NEGATIVE:
                return glyphs.down, label.value, PURPLE
            case EstimateLabel.UNCERTAIN:
                return glyphs.dot, label.value, "default"
            case Label.ABSTAIN:
                return glyphs.ring, label.value, GREY

    def state(self, state: SessionState) -> tuple[str, str, str]:
        """Glyph, word and style of the session's state."""
        glyphs = self.glyphs
        return {
            SessionState.CONNECTING: (glyphs.ring, "CONNECTING", GREY),
            SessionState.LIVE: (glyphs.dot, "LIVE", GREEN),
            SessionState.STALLED: (glyphs.bang, "STALLED", ORANGE),
            SessionState.LOST: (glyphs.bang, "LOST", VERMILION),
            SessionState.PAUSED: (glyphs.ring, "PAUSED", ORANGE),
            SessionState.ENDED: (glyphs.ring, "ENDED", GREY),
            SessionState.FAILED: (glyphs.bang, "FAILED", VERMILION),
        }[state]

    def output(self, state: OutputState) -> tuple[str, str, str]:
        """Glyph, word and style of the state of a destination."""
        glyphs = self.glyphs
        glyph, style = {
            OutputState.CONNECTING: (glyphs.ring, GREY),
            OutputState.UP: (glyphs.dot, GREEN),
            OutputState.DOWN: (glyphs.bang, ORANGE),
            OutputState.STOPPED: (glyphs.bang, VERMILION),
        }[state]
        return glyph, state.value, style
