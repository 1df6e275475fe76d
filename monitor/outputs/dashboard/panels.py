"""What each panel of the dashboard says: a snapshot in, lines of text out, each already cut to its width.

Nothing here knows where a panel lies or that a terminal exists. Columns have fixed widths, so that numbers
change in place and nothing jumps.
"""

from __future__ import annotations

from typing import Final

from rich.text import Text

from buffers.evidence import Cadence
from buffers.records import MaskState, NfblEvent, Phase
from monitor.colours import GREEN, ORANGE
from monitor.judges.base import Label
from monitor.outputs.cells import counted, harmless, interval_bar, joined, mmss, row, sentence, sparkline
from monitor.outputs.dashboard.live import OVER, not_captured
from monitor.outputs.theme import GREY, Theme
from monitor.snapshot import JudgedWindow, SessionState, Snapshot, TrackEstimate

Lines = list[Text]

RESEARCH_ONLY: Final = "Research only, with consent: never for decisions about a person."
"""The notice that no setting hides. Why: the EU AI Act bans inferring emotions at work and in education."""

_ROOMY: Final = 46
"""Inner width from which a panel shows its second-rank columns (cells)."""

_WIDE: Final = 70
"""Inner width from which no name of a group needs cutting (cells)."""

_MASKS: Final = {
    None: ("no frame yet", GREY),
    MaskState.CLEAR: ("no face in view", "default"),
    MaskState.MASKED: ("face masked", GREEN),
    MaskState.HELD: ("mask held", GREEN),
    MaskState.WHOLE_FRAME: ("whole frame masked", ORANGE),
}


def cautions(snapshot: Snapshot) -> tuple[str, ...]:
    """What must be said wherever the numbers are shown: what they mean, and what they are not for."""
    who = f"{snapshot.describer}, {snapshot.judge}"
    first: list[str] = []
    if snapshot.heuristic and not snapshot.calibrated:
        first.append(f"Heuristic and uncalibrated ({who}): a demonstration, no measurement.")
    elif snapshot.heuristic:
        first.append(f"Heuristic ({who}): a demonstration, no measurement.")
    elif not snapshot.calibrated:
        first.append(f"Uncalibrated ({who}): its confidence is no probability.")
    return (*first, RESEARCH_ONLY)


def notices(snapshot: Snapshot, theme: Theme) -> list[tuple[str, str]]:
    """Every notice as (text, style), the cautions first."""
    bang = theme.glyphs.bang
    meant = [(f"{bang} {harmless(text, theme)}", ORANGE) for text in cautions(snapshot)]
    return meant + [(f"{bang} {harmless(text, theme)}", "default") for text in snapshot.notices]


def notice_lines(snapshot: Snapshot, width: int, height: int, theme: Theme) -> Lines:
    """As many notices as fit, one a line, cautions and then the latest; the last line tells how many more there are."""
    every = notices(snapshot, theme)
    cautioned = len(cautions(snapshot))
    every = [*every[:cautioned], *reversed(every[cautioned:])]
    lines = [sentence([notice], width, theme) for notice in every[:height]]
    if lines and len(every) > height:
        more = f"  +{len(every) - height} more: h"
        lines[-1] = sentence([every[height - 1]], width - len(more), theme).append(more, GREY)
    return lines


def header(snapshot: Snapshot, width: int, theme: Theme, *, frozen: bool) -> Lines:
    """Two lines: the session and its time, then what is done for privacy."""
    glyph, word, style = theme.state(snapshot.state)
    time = mmss(snapshot.media_s)
    if snapshot.duration_s is not None:
        time += f" / {mmss(snapshot.duration_s)}"
    lag = "" if snapshot.lag_s is None else f"lag {snapshot.lag_s:.1f} s"
    late = ORANGE if snapshot.lag_s is not None and snapshot.lag_s > 2.0 else "default"
    first = row(
        [
            (glyph, 1, style),
            ("FROZEN" if frozen else word, 10, "reverse" if frozen else f"bold {style}"),
            (time, 17, "bold"),
            (lag, 10, late),
            (snapshot.mode, 8, GREY),
            (snapshot.source, max(0, width - 50), "default"),
        ],
        width,
        theme,
    )
    # The last frame's mask and the last word are no news of a time in which nothing is captured.
    paused = snapshot.state is SessionState.PAUSED
    mask, mask_style = ("no frame", GREY) if paused else _MASKS[snapshot.privacy.state]
    speaking = None if paused else snapshot.speaking
    facts = [
        (f"{mask} ({snapshot.privacy.detector}, {snapshot.privacy.mask})", mask_style),
        (f"voice {snapshot.privacy.voice}", "default"),
        (_dropped(snapshot), "default"),
        ({True: "speaking", False: "silent", None: "voice unknown"}[speaking], GREY),
    ]
    return [first, joined(facts, width, theme)]


def progress(snapshot: Snapshot, width: int, theme: Theme) -> Text:
    """A thin line that fills as a recording is played; plain where the end is not known."""
    share = 0.0 if not snapshot.duration_s else min(1.0, snapshot.media_s / snapshot.duration_s)
    done = round(share * width)
    glyphs = theme.glyphs
    line = Text(no_wrap=True, overflow="crop", end="")
    line.append(glyphs.span * done, "default")
    line.append(glyphs.line * (width - done), GREY)
    return line


def estimate(snapshot: Snapshot, width: int, height: int, theme: Theme) -> Lines:
    """Both tracks: answer, probability with its interval, a bar, the history and how old it is."""
    if not snapshot.overall.windows and not snapshot.current.windows:
        return [Text(end=""), sentence([(_listening(snapshot), GREY)], width, theme)]
    overall = [point.overall for point in snapshot.history]
    current = [point.current for point in snapshot.history]
    lines = _track("overall", snapshot.overall, overall, width, theme)
    if height >= 5:
        lines.append(Text(end=""))
    return lines + _track("current", snapshot.current, current, width, theme)


def _track(name: str, track: TrackEstimate, history: list[float], width: int, theme: Theme) -> Lines:
    glyph, word, style = theme.label(track.label)
    low, high = track.interval
    count = counted(track.windows, "window")
    age = "" if track.age_s is None else _age(track.age_s)
    first = row(
        [
            (name, 7, "bold"),
            (glyph, 1, style),
            (word, 9, f"bold {style}"),
            (f"{track.p_positive:.2f}", 4, "bold"),
            (f"{low:.2f}{theme.glyphs.dash}{high:.2f}", 9, "default"),
            (f"{theme.glyphs.bang} stale {age}" if track.stale else f"{age} old", 13, ORANGE if track.stale else GREY),
            (count, 0 if width < 60 else 49 - width, GREY),
        ],
        width,
        theme,
    )
    bar = max(11, min(31, width - 27))
    second = Text(" " * 8 + "0 ", end="", no_wrap=True, overflow="crop")
    second.append_text(interval_bar(track.p_positive, track.interval, bar, style, theme))
    second.append(" 1  ")
    second.append(sparkline(history, width - bar - 14, theme), GREY)
    return [first, second]


def _age(age_s: float) -> str:
    return f"{age_s:.0f} s" if age_s < 60 else mmss(age_s)


def windows(snapshot: Snapshot, width: int, height: int, theme: Theme) -> Lines:
    """The last verdicts, newest first."""
    if not snapshot.windows:
        return [Text(end=""), sentence([(_listening(snapshot), GREY)], width, theme)]
    newest = sorted(snapshot.windows, key=lambda judged: judged.window.id, reverse=True)
    return [_window(judged, width, theme) for judged in newest[:height]]


def _window(judged: JudgedWindow, width: int, theme: Theme) -> Text:
    window, verdict = judged.window, judged.verdict
    glyph, word, style = theme.label(verdict.label)
    span = f"{mmss(window.start_s)}{theme.glyphs.dash}{mmss(window.end_s)}"
    number = (f"{window.id}", -3, GREY)
    answer = [(glyph, 1, style), (word, 8, style)]
    if verdict.label is Label.ABSTAIN:
        end = [(verdict.rationale, max(0, width - 35 if width >= _ROOMY else width - 27), GREY)]
    else:
        assert verdict.confidence is not None
        level = round(verdict.confidence) * theme.glyphs.span
        end = [(f"{verdict.confidence:.1f}/10", -7, "default"), (level, max(0, min(10, width - 43)), style)]
    if width >= _ROOMY:
        return row([number, (span, 13, "default"), (window.cadence.value, 6, GREY), *answer, *end], width, theme)
    return row([number, (span, 11, "default"), *answer, *end[:1]], width, theme)


def windows_note(snapshot: Snapshot) -> str:
    """What the scheduler is doing: judging, or when the next window is due."""
    skipped = f"{snapshot.skipped} skipped, " if snapshot.skipped else ""
    if snapshot.running is not None:
        what = "the whole session" if snapshot.running is Cadence.GLOBAL else "a window"
        return f"{skipped}judging {what}"
    if snapshot.next_window_s is None or snapshot.state in OVER:
        return f"{skipped}{snapshot.judged} judged"
    return f"{skipped}next in {max(0.0, snapshot.next_window_s - snapshot.media_s):.0f} s"


def events(snapshot: Snapshot, width: int, height: int, theme: Theme) -> Lines:
    """The last NFBL events, newest first; the group stands first because it can be trusted first.

    Above them what cannot be seen just now: where nothing is seen, no event is not calm.
    """
    unseen = [] if snapshot.state in OVER else _unseen(snapshot, width, theme)
    if not snapshot.nfbl:
        off = snapshot.nfbl_state.startswith("off")
        watching = not_captured(snapshot) or "watching... no event yet"
        said = "feed off: body language is not watched" if off else watching
        return [Text(end=""), sentence([(said, GREY)], width, theme), *unseen]
    newest = sorted(snapshot.nfbl, key=lambda event: (event.start_s, event.id), reverse=True)
    return [*unseen, *(_event(event, width, theme) for event in newest[: height - len(unseen)])]


def _unseen(snapshot: Snapshot, width: int, theme: Theme) -> Lines:
    watch = snapshot.nfbl_watch
    if watch is None or not watch.blind:
        return []
    reasons: dict[str, list[str]] = {}
    for group, reason in watch.blind:
        reasons.setdefault(reason, []).append(group.value)
    said = "; ".join(f"{', '.join(groups)} ({reason})" for reason, groups in reasons.items())
    return [sentence([("not seen  ", ORANGE), (said, GREY)], width, theme)]


def _event(event: NfblEvent, width: int, theme: Theme) -> Text:
    going_on = event.phase is not Phase.CLOSE
    style = "bold" if going_on else "default"
    lasts = ("now", -6, GREEN) if going_on else (f"{event.duration_s:.1f} s", -6, GREY)
    start = (mmss(event.start_s), 7 if width >= _ROOMY else 5, GREY)
    group = (event.group.value, 12 if width >= _WIDE else 7, style)
    left = width - start[1] - group[1] - 9
    if width < _ROOMY:
        return row([start, group, (event.name, left, style), lasts], width, theme)
    side, score = (event.side, 5, GREY), (f"{event.score:.2f}", 4, "default")
    return row([start, group, (event.name, left - 11, style), side, lasts, score], width, theme)


def events_note(snapshot: Snapshot) -> str:
    """The feed's state, who is watched where there is a choice, and the rate of events while something was seen."""
    watch = snapshot.nfbl_watch
    who = ""
    if watch is not None and watch.person is not None:
        who = f", person {watch.person}" + (f" of {watch.people} in view" if watch.people > 1 else "")
    rate = "" if snapshot.nfbl_per_min is None else f", {snapshot.nfbl_per_min:.1f} a minute"
    return f"feed {snapshot.nfbl_state}{who}{rate}"


def _listening(snapshot: Snapshot) -> str:
    if snapshot.state in OVER:
        return "no window was judged"
    if (away := not_captured(snapshot)) is not None:
        return away
    when = "" if snapshot.next_window_s is None else f" first window at {mmss(snapshot.next_window_s)}"
    return f"listening...{when}"


def _dropped(snapshot: Snapshot) -> str:
    received = sum(media.received for media in snapshot.media)
    dropped = sum(media.dropped for media in snapshot.media)
    return f"{dropped / received:.1%} dropped" if received else "nothing dropped"
