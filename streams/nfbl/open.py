"""Opens the body-language feed that the settings ask for, or says why there is none."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configs.errors import ConfigError, ModelUnavailable
from configs.settings import NfblSettings
from streams.media import SourceInfo
from streams.nfbl.annotations.declaration import Declaration
from streams.nfbl.feed import Feed
from streams.nfbl.joined import JoinedFeed
from streams.nfbl.live import LiveFeed
from streams.nfbl.replay import ReplayedFeed

OFF: Final = "off"
LIVE: Final = "live"
JOINED: Final = f"{LIVE}+"
"""What `nfbl.source` may be besides a path; the last stands before one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The feed, and what the user should know of what it lacks."""

    feed: Feed | None
    lacks: str | None = None


class FeedOpening:
    """A feed being opened: a live one loads its models in a process of its own, meanwhile others can load theirs."""

    def __init__(self, settings: NfblSettings, info: SourceInfo, *, video: bool, paced: bool) -> None:
        """Begin. `video`: there is a picture to watch; `paced`: media time passes with wall time.

        Raises:
            ConfigError: annotations cannot be read, or a skeleton model cannot be meant.
        """
        source = settings.source
        self._lacks: str | None = None
        self._replayed: ReplayedFeed | None = None
        self._live: LiveFeed | None = None
        path = source.removeprefix(JOINED)
        if not path:
            raise ConfigError("nfbl.source live+ names no file: write live+annotations.csv, or live alone")
        if path not in {OFF, LIVE}:
            declaration = Declaration.parse(settings.annotations or "")
            self._replayed = ReplayedFeed(
                Path(path), declaration=declaration, duration_s=info.duration_s, media_name=info.name
            )
        if source != LIVE and not source.startswith(JOINED):
            return
        if not video:
            self._lacks = "body language is not watched live: there is no picture"
            return
        try:
            self._live = LiveFeed(settings, paced=paced)
        except ModelUnavailable as error:
            self._lacks = _unwatched(error)

    def ready(self) -> Opened:
        """Wait until the live feed can see; without its models it is off and the rest goes on."""
        if self._live is not None:
            try:
                self._live.wait_ready()
            except ModelUnavailable as error:
                self._live.close()
                self._live = None
                self._lacks = _unwatched(error)
        if self._live is not None and self._replayed is not None:
            return Opened(JoinedFeed((self._live, self._replayed)), self._lacks)
        return Opened(self._live or self._replayed, self._lacks)

    def close(self) -> None:
        """Let go of what was begun."""
        with contextlib.ExitStack() as closing:
            for feed in (self._live, self._replayed):
                if feed is not None:
                    closing.callback(feed.close)


def _unwatched(error: ModelUnavailable) -> str:
    return f"body language is not watched live: {error}"
