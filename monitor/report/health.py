"""How the session itself did: lag, pictures per second, what was dropped; as a chart and in figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from matplotlib.figure import Figure

from buffers.records import Track
from monitor.colours import BLUE, GREEN, VERMILION
from monitor.records import HealthRecord, TrackHealthRecord
from monitor.report.charts import Chart, legend, time_axis
from monitor.report.thinning import extremes
from monitor.report.wording import length, number
from monitor.session_view import SessionView

_MOST_POINTS: Final = 400


@dataclass(frozen=True, slots=True)
class Pace:
    """What happened between one account of the health and the next; rates per second, None without that track."""

    t_s: float
    lag_s: float | None
    worst_lag_s: float | None
    pictures_hz: float | None
    dropped_hz: float | None


_LINES: Final[tuple[Callable[[Pace], float], ...]] = (
    lambda one: one.lag_s or 0.0,
    lambda one: one.worst_lag_s or 0.0,
    lambda one: one.pictures_hz or 0.0,
    lambda one: one.dropped_hz or 0.0,
)
"""What the chart draws: of each the peaks are kept."""


def paces(health: Sequence[HealthRecord]) -> list[Pace]:
    """The session's pace, account by account; counters that start anew count as nothing."""
    found = []
    for before, after in pairwise(health):
        passed_s = after.media_s - before.media_s
        if passed_s <= 0.0:
            continue
        old, new = _video(before), _video(after)
        known = old is not None and new is not None
        found.append(
            Pace(
                t_s=after.media_s,
                lag_s=after.lag_s if after.lag_p50_s is None else after.lag_p50_s,
                worst_lag_s=after.lag_s if after.lag_max_s is None else after.lag_max_s,
                pictures_hz=max(0, new.released - old.released) / passed_s if known and old and new else None,
                dropped_hz=max(0, new.dropped - old.dropped) / passed_s if known and old and new else None,
            )
        )
    return found


def worst_lag_s(health: Sequence[HealthRecord]) -> float | None:
    """The greatest lag that was told (s)."""
    lags = [lag for one in health for lag in (one.lag_s, one.lag_max_s) if lag is not None]
    return max(lags, default=None)


def health_chart(view: SessionView) -> Chart | None:
    """Lag and pictures per second; None at max speed, where neither says anything."""
    found = extremes([one for one in paces(view.health) if one.lag_s is not None], _MOST_POINTS, *_LINES)
    worst = worst_lag_s(view.health)
    if len(found) < 2 or worst is None:
        return None
    rates = [one.pictures_hz for one in found if one.pictures_hz is not None]
    pictures = f" Pictures per second lie between {number(min(rates), 1)} and {number(max(rates), 1)}." if rates else ""
    return Chart(
        name="health",
        title="Lag, and pictures per second",
        alt=f"Lag behind the source over time, at its worst {length(worst)}.{pictures}",
        height_in=3.4 if rates else 2.0,
        draw=lambda figure: _draw(figure, found, view.end_s),
    )


def _draw(figure: Figure, found: Sequence[Pace], end_s: float) -> None:
    times = [one.t_s for one in found]
    pictures = any(one.pictures_hz is not None for one in found)
    rows = figure.subplots(2 if pictures else 1, 1, sharex=True, squeeze=False)[:, 0]
    figure.subplots_adjust(hspace=0.4)
    lags = [one.lag_s or 0.0 for one in found]
    worst = [one.worst_lag_s or 0.0 for one in found]
    rows[0].plot(times, worst, color=VERMILION, linewidth=1.0, linestyle=":", label="worst")
    rows[0].plot(times, lags, color=BLUE, linewidth=1.6, label="usual")
    rows[0].set_ylabel("lag (s)")
    rows[0].set_ylim(0.0, 1.15 * max(1.0, *worst))
    legend(rows[0])
    if pictures:
        rows[1].plot(times, [one.pictures_hz or 0.0 for one in found], color=GREEN, linewidth=1.6, label="shown")
        rows[1].plot(
            times,
            [one.dropped_hz or 0.0 for one in found],
            color=VERMILION,
            linewidth=1.2,
            linestyle="--",
            label="dropped",
        )
        rows[1].set_ylabel("pictures/s")
        rows[1].set_ylim(0.0, 1.15 * max(1.0, *(one.pictures_hz or 0.0 for one in found)))
        legend(rows[1])
    for axes in rows:
        time_axis(axes, end_s)


def _video(health: HealthRecord) -> TrackHealthRecord | None:
    return next((one for one in health.tracks if one.track is Track.VIDEO), None)
