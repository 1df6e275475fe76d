"""The life of a link as a `Watch` sees it, step by step."""

from __future__ import annotations

from collections.abc import Iterable

from buffers.links import LinkChange, LinkState
from buffers.records import Track
from configs.live_settings import LiveSettings
from streams.sources.live.backoff import Backoff
from streams.sources.live.watch import Watch

BOTH = frozenset(Track)
V, A = Track.VIDEO, Track.AUDIO
CONNECTING, LIVE, STALLED, LOST, PAUSED, ENDED = (
    LinkState.CONNECTING,
    LinkState.LIVE,
    LinkState.STALLED,
    LinkState.LOST,
    LinkState.PAUSED,
    LinkState.ENDED,
)


class Life:
    """A watch, and the changes it told of."""

    def __init__(self, tracks: Iterable[Track] = BOTH, *, give_up_after_s: float | None = None) -> None:
        self.told: list[LinkChange] = []
        limits = LiveSettings(give_up_after_s=give_up_after_s)
        self.watch = Watch(
            "made",
            frozenset(tracks),
            limits,
            backoff=Backoff(limits.backoff_first_s, limits.backoff_most_s, draw=lambda: 0.0),
            changed=self.told.append,
        )
        self.watch.begin(0.0)

    @property
    def states(self) -> list[LinkState]:
        return [change.state for change in self.told]

    def open(self, now_s: float, tracks: Iterable[Track] = BOTH) -> frozenset[Track]:
        self.watch.started(now_s)
        return self.watch.opened(now_s, frozenset(tracks))

    def flow(self, start_s: float, end_s: float, tracks: Iterable[Track] = BOTH, step_s: float = 0.1) -> None:
        """Let tracks arrive for [start_s, end_s) while the time is looked at."""
        tracks = tuple(tracks)
        for n in range(round((end_s - start_s) / step_s)):
            for track in tracks:
                self.watch.arrived(track, start_s + n * step_s)
            self.watch.tick(start_s + n * step_s)

    def idle(self, start_s: float, end_s: float, step_s: float = 0.25) -> None:
        """Let time pass with nothing arriving."""
        for n in range(round((end_s - start_s) / step_s) + 1):
            self.watch.tick(start_s + n * step_s)


def live(give_up_after_s: float | None = None) -> Life:
    """A link that was live from 1 s to 3 s."""
    life = Life(give_up_after_s=give_up_after_s)
    life.open(0.5)
    life.flow(1.0, 3.0)
    assert life.watch.state is LIVE
    return life
