"""Okabe and Ito's colours, told apart by people of every colour vision (Color Universal Design, 2008)."""

from __future__ import annotations

from typing import Final

SKY: Final = "#56b4e9"
GREEN: Final = "#009e73"
ORANGE: Final = "#e69f00"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
BLUE: Final = "#0072b2"
