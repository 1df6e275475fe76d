"""Keeps one captor going: opens it, watches it, gets it back, and tells how it is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from buffers.links import LinkChange, LinkState, LinkStatus
from buffers.records import Track
from configs.live_settings import LiveSettings
from streams.clock import Clock
from streams.media import RawItem, TrackInfo
from streams.sources.live.captor import Captor
from streams.sources.sound import BLOCK_S


class SupervisedLink:
    """A link that survives stalls, hangs and losses of what it captures from."""

    def __init__(
        self,
        captor: Captor,
        tracks: frozenset[Track],
        settings: LiveSettings,
        *,
        block_s: float = BLOCK_S,
        changed: Callable[[LinkChange], None],
    ) -> None:
        """Take `tracks` of what `captor` captures; `changed` is told of every change of state, in any thread."""
        self._captor = captor
        self._wanted = tracks

    @property
    def name(self) -> str:
        """The captor's name."""
        return self._captor.name

    @property
    def infos(self) -> tuple[TrackInfo, ...]:
        """The tracks, as far as they are known now."""
        return tuple(info for info in self._captor.tracks if info.track in self._wanted)

    @property
    def tracks(self) -> frozenset[Track]:
        """The tracks that may come."""
        return frozenset(info.track for info in self.infos)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of what was survived."""
        return ()

    @property
    def status(self) -> LinkStatus:
        """How it is doing now."""
        return LinkStatus(self.name, tuple(self.tracks), LinkState.CONNECTING, 0.0)

    def begin(self, clock: Clock) -> None:
        """Start capturing."""

    def items(self) -> Iterator[RawItem]:
        """See `Link.items`."""
        yield from ()

    def pause(self) -> None:
        """Capture nothing from this instant on."""

    def resume(self) -> None:
        """Capture again."""

    def stop(self) -> None:
        """End `items` soon."""

    def close(self) -> None:
        """Release everything."""
        self._captor.close()
