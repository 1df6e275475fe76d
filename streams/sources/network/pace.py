"""Plays what comes in pieces at its own pace: a segment of ten seconds, fetched at once, lasts ten seconds."""

from __future__ import annotations

from typing import Final

from streams.sources.live.captor import Post

_JUMP_S: Final = 2.0
"""Step of the timestamps beyond which they are of another clock or behind a hole: the pace begins anew."""


class Pace:
    """Holds back what is not due yet. What comes late is passed on at once until it has caught up."""

    def __init__(self, post: Post) -> None:
        """Begin with the first timestamp."""
        self._post = post
        self._start_s: float | None = None
        self._last_s = 0.0

    def hold(self, pts_s: float | None) -> bool:
        """Wait until `pts_s` is due; whether nobody wants anything any more."""
        if pts_s is None:
            return not self._post.wanted
        now_s = self._post.now_s()
        if self._start_s is None or abs(pts_s - self._last_s) > _JUMP_S:
            self._start_s = now_s - pts_s
        self._last_s = pts_s
        early_s = self._start_s + pts_s - now_s
        return self._post.wait(early_s) if early_s > 0 else not self._post.wanted
