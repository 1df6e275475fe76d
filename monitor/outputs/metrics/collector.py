"""From the newest snapshot of each stream to Prometheus' families of metrics, made anew for each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Final, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from buffers.links import LinkState
from monitor.outputs.metrics.figures import ESTIMATE, LINK, MEDIA, MODEL, OUTPUT, PREFIX, STREAM, Figure
from monitor.outputs.metrics.lags import LagCounts
from monitor.snapshot import EstimateLabel, SessionState, Snapshot, TrackEstimate

T = TypeVar("T")

_OVER: Final = (SessionState.ENDED, SessionState.FAILED)

_NOW: Final = (SessionState.LIVE,)
"""States in which a lag says something."""


class Seen:
    """One stream as it was shown last. One thread takes, another reads: a reference, so without a lock."""

    def __init__(self, stream: str) -> None:
        """Of a stream with this name."""
        self.stream = stream
        self.snapshot: Snapshot | None = None
        self.lags = LagCounts()

    def take(self, snapshot: Snapshot) -> None:
        """The stream as it is now."""
        if snapshot.lag_s is not None and snapshot.state in _NOW:
            self.lags.add(snapshot.lag_s)
        self.snapshot = snapshot


class StreamCollector(Collector):
    """Collects what is known of every stream."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        """Read `seen` at each scrape."""
        self._seen = tuple(seen)
        self._version = version("emotion-monitor")

    def collect(self) -> Iterator[Metric]:
        """All families, also those that have no sample now: what may come can be looked up."""
        now = [(seen, seen.snapshot) for seen in self._seen]
        known = [(seen, snapshot) for seen, snapshot in now if snapshot is not None]
        shown = [(seen.stream, snapshot) for seen, snapshot in known]
        yield self._info(shown)
        yield _states("session_state", "1 for the state that the session is in.", _sessions(shown))
        yield _states("link_state", "1 for the state that a link of a live source is in.", _links(shown), "link")
        yield _states("estimate_label", "1 for the estimate's answer.", _labels(shown), "track", state="label")
        yield from _families(STREAM, ((_at(stream), s) for stream, s in shown))
        yield from _families(MEDIA, ((_at(stream, m.track), m) for stream, s in shown for m in s.media), "track")
        yield from _families(ESTIMATE, _tracks(shown), "track")
        links = ((_at(stream, str(n)), link) for stream, s in shown for n, link in enumerate(s.links))
        yield from _families(LINK, links, "link")
        models = ((_at(stream, m.role, m.name), m) for stream, s in shown for m in s.models)
        yield from _families(MODEL, models, "role", "name")
        yield _tokens(shown)
        yield _windows(shown)
        yield from _families(OUTPUT, ((_at(stream, o.name), o) for stream, s in shown for o in s.outputs), "output")
        yield _lags(known)
        yield _memory(shown)

    def _info(self, shown: Sequence[tuple[str, Snapshot]]) -> Metric:
        names = ("stream", "session", "version", "mode", "calibrated", "heuristic", "describer", "judge")
        family = InfoMetricFamily(f"{PREFIX}session", "What runs; heuristic answers are no model's.", labels=names)
        for stream, snapshot in shown:
            told = {
                "session": snapshot.session,
                "version": self._version,
                "mode": snapshot.mode,
                "calibrated": str(snapshot.calibrated).lower(),
                "heuristic": str(snapshot.heuristic).lower(),
                "describer": snapshot.describer,
                "judge": snapshot.judge,
            }
            family.add_metric((stream,), told)
        return family


Labels = tuple[str, ...]


def _at(*labels: str) -> Labels:
    return tuple(str(label) for label in labels)


def _families(figures: Iterable[Figure[T]], things: Iterable[tuple[Labels, T]], *more: str) -> Iterator[Metric]:
    """The families of one table; `more` names the labels beside the stream."""
    known = list(things)
    for figure in figures:
        kind = CounterMetricFamily if figure.counter else GaugeMetricFamily
        family = kind(f"{PREFIX}{figure.name}", figure.help, labels=("stream", *more))
        for labels, thing in known:
            value = figure.of(thing)
            if value is not None:
                family.add_metric(labels, value)
        yield family


def _states(
    name: str, explained: str, found: Iterable[tuple[Labels, str, Iterable[str]]], *more: str, state: str = "state"
) -> Metric:
    """One sample for each state there is, so that a change of state leaves no line behind."""
    family = GaugeMetricFamily(f"{PREFIX}{name}", explained, labels=("stream", *more, state))
    for labels, is_in, states in found:
        for one in states:
            family.add_metric((*labels, one), float(one == is_in))
    return family


def _sessions(shown: Sequence[tuple[str, Snapshot]]) -> Iterator[tuple[Labels, str, Iterable[str]]]:
    return ((_at(stream), snapshot.state, SessionState) for stream, snapshot in shown)


def _links(shown: Sequence[tuple[str, Snapshot]]) -> Iterator[tuple[Labels, str, Iterable[str]]]:
    for stream, snapshot in shown:
        # By its number: a link's name is a device's or an address.
        yield from ((_at(stream, str(n)), link.state, LinkState) for n, link in enumerate(snapshot.links))


def _labels(shown: Sequence[tuple[str, Snapshot]]) -> Iterator[tuple[Labels, str, Iterable[str]]]:
    return ((labels, track.label, EstimateLabel) for labels, track in _tracks(shown))


def _tracks(shown: Sequence[tuple[str, Snapshot]]) -> Iterator[tuple[Labels, TrackEstimate]]:
    for stream, snapshot in shown:
        yield _at(stream, "overall"), snapshot.overall
        yield _at(stream, "current"), snapshot.current


def _tokens(shown: Sequence[tuple[str, Snapshot]]) -> Metric:
    labels = ("stream", "role", "name", "direction")
    family = CounterMetricFamily(
        f"{PREFIX}model_tokens_total", "Tokens as the model's server counts them.", labels=labels
    )
    for stream, snapshot in shown:
        for use in snapshot.models:
            family.add_metric((stream, use.role, use.name, "in"), use.prompt_tokens)
            family.add_metric((stream, use.role, use.name, "out"), use.completion_tokens)
    return family


def _windows(shown: Sequence[tuple[str, Snapshot]]) -> Metric:
    explained = "Windows by what came of them; skipped ones were planned and never ran."
    family = CounterMetricFamily(f"{PREFIX}windows_total", explained, labels=("stream", "outcome"))
    for stream, snapshot in shown:
        family.add_metric((stream, "answered"), snapshot.judged - snapshot.abstained)
        family.add_metric((stream, "abstained"), snapshot.abstained)
        family.add_metric((stream, "skipped"), snapshot.skipped)
    return family


def _lags(known: Sequence[tuple[Seen, Snapshot]]) -> Metric:
    explained = "Lag sampled about four times a second while the session is live."
    family = HistogramMetricFamily(f"{PREFIX}lag_samples_seconds", explained, labels=("stream",))
    for seen, snapshot in known:
        if snapshot.lag_s is not None:
            family.add_metric((seen.stream,), seen.lags.buckets, seen.lags.sum_s)
    return family


def _memory(shown: Sequence[tuple[str, Snapshot]]) -> Metric:
    """The process's, which all its streams share."""
    family = GaugeMetricFamily(f"{PREFIX}resident_memory_bytes", "Memory of the whole process.")
    known = [(snapshot.state not in _OVER, snapshot.rss_bytes) for _, snapshot in shown if snapshot.rss_bytes]
    if known:
        family.add_metric((), max(known)[1])  # of a session that is over only where all are: it looks no more
    return family
