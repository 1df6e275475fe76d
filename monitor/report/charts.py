"""How the charts of a report are drawn: one look, real text, the same bytes for the same session (matplotlib).

No chart holds words from outside: what a person or a model wrote stands in the tables.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FixedLocator, FuncFormatter

from monitor.report.wording import clock

INK: Final = "#1f2328"
MUTED: Final = "#59636e"
GRID: Final = "#d8dee4"
HIDDEN: Final = "#8c959f"
"""Text, axes, lines behind the data, and what could not be seen; on a page they follow its theme."""

LEFT, RIGHT, TOP, BOTTOM = 1.4, 0.35, 0.4, 0.35
"""Margins of every chart (in): names of rows, half of the last time, the legend, the times."""

_THEMED: Final = {INK: "ink", MUTED: "muted", GRID: "grid", HIDDEN: "hidden"}

ENDINGS: Final = ("png", "svg")
"""What a chart can be written as."""

_WIDTH_IN: Final = 10.0
_DPI: Final = 160

_TICKS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_LONG_TICKS_S: Final = (14400, 28800, 43200, 86400, 172800, 604800)
"""Round steps of time (s): to two hours, and from four hours to a week, of which there may be several."""
_MOST_TICKS: Final = 10

_FINEST: Final = 1 / 1000
"""Of the width: bars are no narrower, and what is closer together is one bar."""

_FINE_BARS: Final = 120
"""More bars than this are drawn without a frame, which would be all that could be seen of them."""

_STYLE: Final[dict[Any, object]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.0,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}

_BEFORE: Final = re.compile(r"\A.*?(?=<svg )", re.DOTALL)
_METADATA: Final = re.compile(r"<title>.*?</title>\s*<metadata>.*?</metadata>", re.DOTALL)
_ROOT: Final = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_STYLE_OF_ALL: Final = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_ID: Final = re.compile(r'<g id="[^"]*"')
_SPACE: Final = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: `alt` says in words what can be seen in it, `draw` draws it on an empty figure."""

    name: str
    title: str
    alt: str
    height_in: float
    draw: Callable[[Figure], None]

    def inline(self) -> str:
        """The chart as an element of an HTML page, in the page's own colours."""
        with _styled(self.name):
            text = _svg(self._drawn("none"), self.title)
        # Its style would be that of the whole page; the page has the same for its charts.
        for left_out in (_BEFORE, _METADATA, _STYLE_OF_ALL):
            text = left_out.sub("", text, count=1)
        # Groups are numbered anew in each drawing, and an id may be on a page only once.
        text = _ID.sub("<g", text)
        for colour, name in _THEMED.items():
            text = text.replace(colour, f"var(--{name})")
        root = _ROOT.match(text)
        assert root is not None
        head = f'<svg role="img" aria-label={quoteattr(self.alt)} viewBox="{root[1]}">'
        # HTML knows the prefix without a namespace.
        return _SPACE.sub(" ", head + text[root.end() :]).replace("> <", "><").strip()

    def file(self, ending: str) -> bytes:
        """The chart on white as a file of its own, whose name has one of `ENDINGS`."""
        with _styled(self.name):
            figure = self._drawn("white")
            if ending == "svg":
                return _svg(figure, self.title).encode()
            FigureCanvasAgg(figure)
            png = io.BytesIO()
            figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
            return png.getvalue()

    def _drawn(self, paper: str) -> Figure:
        figure = Figure(figsize=(_WIDTH_IN, self.height_in), facecolor=paper)
        width, height = _WIDTH_IN, self.height_in
        figure.subplots_adjust(LEFT / width, BOTTOM / height, 1 - RIGHT / width, 1 - TOP / height)
        self.draw(figure)
        return figure


def time_axis(axes: Axes, end_s: float) -> None:
    """Let the axes go from 0 to the session's end, with round times."""
    weeks = _LONG_TICKS_S[-1] * math.ceil(end_s / _LONG_TICKS_S[-1] / _MOST_TICKS)
    step = next((step for step in (*_TICKS_S, *_LONG_TICKS_S) if end_s / step <= _MOST_TICKS), weeks)
    axes.set_xlim(0.0, max(end_s, 1.0))
    axes.xaxis.set_major_locator(FixedLocator(np.arange(0.0, end_s + step / 2, step).tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t_s, _: clock(t_s)))


def bars(  # noqa: D417 - the rest is how matplotlib names it
    axes: Axes, spans: Sequence[tuple[float, float]], low: float, high: float, end_s: float, **look: object
) -> None:
    """Draw spans of time as one shape between two heights; the shortest can still be seen.

    Args:
        axes: where to.
        spans: in order of their beginnings (s).
        low: lower edge.
        high: upper edge.
        end_s: length of the time axis (s).
    """
    corners: list[tuple[float, float]] = []
    for start_s, until_s in _merged(spans, end_s * _FINEST):
        corners += [(start_s, low), (until_s, low), (until_s, high), (start_s, high), (start_s, low)]
    if not corners:
        return
    if len(corners) > _FINE_BARS * 5:
        look["linewidth"] = 0.2
    one = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY]
    outline = Outline(np.array(corners), one * (len(corners) // 5))
    axes.add_patch(PathPatch(outline, **look))


def legend(axes: Axes, **more: object) -> None:
    """The legend above the axes, in one row."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=max(1, len(labels)),
        borderaxespad=0.2,
        columnspacing=1.0,
        handlelength=2.0,
        handletextpad=0.6,
        **more,
    )


def _merged(spans: Sequence[tuple[float, float]], finest_s: float) -> Iterator[tuple[float, float]]:
    before: tuple[float, float] | None = None
    for start_s, until_s in spans:
        end_s = max(until_s, start_s + finest_s)
        if before is not None and start_s - before[1] < finest_s:
            before = (before[0], max(before[1], end_s))
            continue
        if before is not None:
            yield before
        before = (start_s, end_s)
    if before is not None:
        yield before


def _svg(figure: Figure, title: str) -> str:
    FigureCanvasSVG(figure)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    return text.getvalue()


@contextmanager
def _styled(salt: str) -> Iterator[None]:
    """Matplotlib as it is delivered, whatever its user set up, with the look of a report."""
    with mpl.rc_context():
        mpl.rcdefaults()
        # Shapes that are used again are named by their digest: salted, no two charts of a page share a name.
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": f"emotion-monitor {salt}"})
        yield
