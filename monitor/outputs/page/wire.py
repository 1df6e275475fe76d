"""How the page and its server speak. The page only reads; everything is JSON, times are media time (s).

Paths (the page names them relative to its own address):

    GET  /                          the page; GET /static/NAME what it is made of, with uPlot.iife.js, uPlot.min.css
    POST /session                   with `Authorization: Bearer TOKEN`: 204 and a cookie; where no token is asked: 204
    GET  /streams                   {"schema": 1, "version": "...", "streams": [{"name", "state"}]}
    GET  /streams/NAME/events       server-sent events, below
    GET  /streams/NAME/preview.jpg  the newest masked picture, below

Refusals are one line of text: 401 no cookie or a wrong token, 403 asked for by a page of another origin, 404 no such
stream, 421 another name led here, 429 too many wrong tokens, 503 too many viewers (`Retry-After`). An EventSource does
not try again after any of these: the page makes a new one.

Events. `retry: 2000` at the beginning, `here` after `beat_s` (15 s) of silence: who hears nothing for
40 s has lost the monitor, whatever its connection says. Only `history` and `record` have an id,
`SESSION:SEQ`; a browser that comes back with `Last-Event-ID` gets the records after it, or a new `history` where that
is too long ago (500 records) or of another session. Take `history` as all there is: forget what was there before.

    hello    {schema, version, session, stream, beat_s, resumed, preview: {enabled, every_s}}   always first
    history  {schema, session, stream, seq, head, end_s, estimates, verdicts, nfbl, gaps, blind, marks, links, stalls,
              whole_from_s, end}: `verdicts` (200 latest), `gaps`, `blind`, `marks`, `links`, `stalls` are what `record`
             says, oldest first; `nfbl` (2000 latest) has each event once, as it was told last; `end` is that record or
             null;
             `whole_from_s` is when all of `nfbl`, `gaps` and `blind` are there from: before it some were left out;
             `estimates` (at most 2000, thinned evenly) is columns for a chart:
             {media_s: [...], overall: {p, low, high: [...]}, current: {p, low, high: [...]}};
             `head` is {mode: live|paced|max, started_at, duration_s, describer, judge: {name, heuristic, calibrated}},
             null before the session began
    record   {schema, session, stream, seq, kind, mode, ts, media_s, late, ...} and by `kind`
             verdict   event_type, window {id, start_s, end_s, cadence}, label positive|negative|abstain, p_positive,
                       confidence (0-10), judge, describer, calibrated, coverage {video, audio, nfbl}, rationale,
                       description, insufficient: a verdict has its description in it, null where there was none
             estimate  overall, current: {label positive|negative|uncertain, p_positive, interval [low, high], windows,
                       age_s, stale}
             nfbl      id, phase open|update|close, group, class_id, name, side, start_s, end_s, score, ...: replaces
                       what was said of the same `id`
             gap       track video|audio, start_s, end_s, reason
             blind     groups [...], start_s, end_s, reason: these groups could not be seen
             mark      note
             link      source (its kind: rtsp, camera, ...), tracks, state, reason
             stall     stage, held_s
             end       reason ended|interrupted|lost|failed, totals {judged, abstained, skipped, nfbl, gaps}
    state    the session now (`monitor.outputs.page.state`), twice a second at most and only where it changed: the
             newest wins, there is no history of it
    trouble  {says}: why the page tells less than there is, empty where that is over; nothing is said where all is well
    here     {}: nothing was to be said for long
    behind   {}: so much was not read in time that records were left out; a new `history` follows
    bye      {}: the monitor ends. Come back all the same: it may be started again

The picture. One request is one picture: the page asks again so long after the answer as its `X-Every-S` says (at first
`hello.preview.every_s`; more with many viewers), or when a person wants, so a slow line gets fewer pictures and never
an old one, and who does not want movement asks no more. 200 is a JPEG with `X-Media-S`, 304 the picture of
`If-None-Match`, 204 nothing to show (paused, lost, over, or none for seconds: take the old one away). A stream of
pictures in one answer would hold one of a browser's six connections, and leave its last picture standing at its end.

Nothing says a path, an address, a device's name or a secret; free texts went through `monitor.outputs.redact`. The
models' words are in: the page is the operator's own screen. They are hostile input all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

SCHEMA: Final = 1

RETRY_MS: Final = 2000
"""When a browser that lost the connection tries again (ms)."""

KEEPALIVE_S: Final = 15.0
"""Silence after which `here` is sent (s): proxies and phones give up connections on which nothing moves."""

RETRY: Final = f"retry: {RETRY_MS}\n\n".encode()


def encoded(payload: Mapping[str, Any]) -> bytes:
    """A payload as JSON in one line of ASCII: some readers take other letters for the ends of lines."""
    return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()


def event(name: str, data: bytes, number: str = "") -> bytes:
    """One server-sent event; `number` is its id, empty for none."""
    mark = f"id: {number}\n" if number else ""
    return f"{mark}event: {name}\ndata: ".encode() + data + b"\n\n"


HERE: Final = event("here", b"{}")
"""An event and no comment: scripts see none, and could not tell a silent monitor from one that is gone."""


def number_of(session: str, seq: int) -> str:
    """The id of a record's event."""
    return f"{session}:{seq}"


def numbered(number: str | None, session: str) -> int | None:
    """The line of an event's id, None where it is none of this session."""
    name, colon, seq = (number or "").rpartition(":")
    return int(seq) if colon and name == session and seq.isascii() and seq.isdecimal() and len(seq) < 16 else None
