"""What of a session may be passed on: the judgement of `monitor.outputs.public`, for a whole session. Pure.

Names, addresses, notes and everybody's words go; times, labels, counts and what was measured stay.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from monitor.describers.base import ModelInfo
from monitor.outputs.public import began_of
from monitor.records import SessionRecord
from monitor.session_view import JudgedSpan, SessionView, ToldEvent

_FEEDS: Final = ("live", "off")
"""Feeds that are called so; others are named by a file."""

_PLAIN: Final = re.compile(r"[a-z][a-z -]{0,39}")
"""A reason in the program's own words: `elbows out of view`, never a name, an address or what a library said."""


def shareable(view: SessionView) -> SessionView:
    """The session without what may not leave the machine."""
    links = {name: f"link {place}" for place, name in enumerate(dict.fromkeys(one.link for one in view.links), 1)}
    return replace(
        view,
        # That of a recording is made of its content and the settings: who has them could tell that it was this one.
        session="",
        head=_head(view.head),
        end=None if view.end is None else replace(view.end, notices=()),
        windows=tuple(_window(one) for one in view.windows),
        events=tuple(_event(one) for one in view.events),
        gaps=tuple(replace(one, reason="") for one in view.gaps),
        blind=tuple(replace(one, reason=_plain(one.reason)) for one in view.blind),
        feed=tuple(replace(one, reason="") for one in view.feed),
        links=tuple(replace(one, link=links[one.link], reason="") for one in view.links),
        stalls=tuple(replace(one, stack="") for one in view.stalls),
        marks=tuple(replace(one, note="") for one in view.marks),
    )


def _head(head: SessionRecord) -> SessionRecord:
    feed = next((one for one in _FEEDS if head.nfbl == one or head.nfbl.startswith(f"{one} ")), "a feed")
    return replace(
        head,
        source="",
        digest=None,
        settings_digest="",
        notices=(),
        consent=None,
        started_at=None if began_of(head) is None else head.started_at,
        nfbl=feed,
        describer=_model(head.describer),
        judge=_model(head.judge),
    )


def _model(info: ModelInfo) -> ModelInfo:
    # A model may be named by a folder or a server, and its notice may name them too.
    return replace(info, notice="", model="", fingerprint="")


def _window(judged: JudgedSpan) -> JudgedSpan:
    return replace(
        judged,
        description=None if judged.description is None else replace(judged.description, text="", note=None),
        verdict=None if judged.verdict is None else replace(judged.verdict, rationale=""),
    )


def _event(event: ToldEvent) -> ToldEvent:
    # A feed may be named by the file it is read from.
    return replace(event, last=replace(event.last, source=""))


def _plain(reason: str) -> str:
    told = reason.partition(" (")[0]
    return told if _PLAIN.fullmatch(told) else ""
