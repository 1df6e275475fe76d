"""One contact over time: when it begins and ends, and what kind it looked like on the whole. Pure: values in and out.

Hysteresis over a running mean, after the design's section 3.4. Everything is counted in seconds of media time and
never in ticks, so that any rate of looking, and an uneven one, behaves alike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from configs.rules import SegmentRules
from streams.nfbl.signals import Signal

TICK_S: Final = 0.1
"""The tick for which `smoothing` is stated (10 Hz)."""

LONGEST_TICK_S: Final = 0.5
"""One look stands for no more than this: the slowest rate is 2 Hz, and what is longer is a hole."""

ROUNDING_S: Final = 0.002
"""Time stamps lie on frames: a dwell may be short by the rounding of two of them."""

SLACK: Final = 1e-6
"""A running mean that is `on` but for the rounding of time stamps is `on`."""

_TIE: Final = 6
"""Decimals in which votes are compared: what sums of times differ by beyond them is rounding, and a tie goes by id."""

COVERING: Final = "N5"
"""Covering the face is told instead of the parts of the face that lie under the hand."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One look at one channel: it stands for the `length_s` seconds before `t_s`."""

    t_s: float
    length_s: float
    activation: float
    votes: tuple[tuple[str, float], ...]
    quality: float
    speaking: float | None

    @classmethod
    def of(cls, t_s: float, length_s: float, signal: Signal | None, speaking: float | None) -> Tick:
        """What a signal says at `t_s`; no signal is an activation of 0."""
        length_s = min(length_s, LONGEST_TICK_S)
        if signal is None:
            return cls(t_s, length_s, 0.0, (), 0.0, speaking)
        return cls(t_s, length_s, signal.activation, _overridden(signal.votes), signal.quality, speaking)


def _overridden(votes: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """The votes, or the one for a covered face alone where no part of the face weighs more."""
    covered = dict(votes).get(COVERING, 0.0)
    if covered <= 0.0 or any(weight > covered for _, weight in votes):
        return votes
    return ((COVERING, covered),)


@dataclass(slots=True)
class Tally:
    """Sums over ticks, each weighted by its length; of votes and quality also by the activation."""

    seconds: float = 0.0
    contact_s: float = 0.0
    quality_s: float = 0.0
    heard_s: float = 0.0
    speech_s: float = 0.0
    votes: dict[str, float] = field(default_factory=dict)

    def add(self, tick: Tick) -> None:
        """Count one tick."""
        contact_s = tick.activation * tick.length_s
        self.seconds += tick.length_s
        self.contact_s += contact_s
        self.quality_s += tick.quality * contact_s
        if tick.speaking is not None:
            self.heard_s += tick.length_s
            self.speech_s += tick.speaking * tick.length_s
        for class_id, weight in tick.votes:
            if weight > 0.0 and contact_s > 0.0:
                self.votes[class_id] = self.votes.get(class_id, 0.0) + weight * contact_s

    def merge(self, other: Tally) -> None:
        """Count everything that another tally counted."""
        self.seconds += other.seconds
        self.contact_s += other.contact_s
        self.quality_s += other.quality_s
        self.heard_s += other.heard_s
        self.speech_s += other.speech_s
        for class_id, weight in other.votes.items():
            self.votes[class_id] = self.votes.get(class_id, 0.0) + weight

    @property
    def contact_share(self) -> float:
        """Mean activation 0-1."""
        return min(1.0, self.contact_s / self.seconds) if self.seconds > 0.0 else 0.0

    @property
    def quality(self) -> float:
        """Mean quality 0-1 of what showed the contact."""
        return min(1.0, self.quality_s / self.contact_s) if self.contact_s > 0.0 else 0.0

    @property
    def speaking(self) -> bool | None:
        """Whether there was speech for at least half of the time, None where nobody listened."""
        return self.speech_s >= self.heard_s / 2 if self.heard_s > 0.0 else None

    @property
    def ranking(self) -> tuple[tuple[str, float], ...]:
        """Class ids with their shares 0-1 of all votes, most first; equal ones by id."""
        total = sum(self.votes.values())
        ranked = sorted(self.votes.items(), key=lambda item: (-round(item[1], _TIE), item[0]))
        return tuple((class_id, weight / total) for class_id, weight in ranked)

    @property
    def top(self) -> str | None:
        """The class with most votes, None without any."""
        return min(self.votes, key=lambda class_id: (-round(self.votes[class_id], _TIE), class_id), default=None)


def tallied(ticks: Iterable[Tick]) -> Tally:
    """The sums over some ticks."""
    total = Tally()
    for tick in ticks:
        total.add(tick)
    return total


class Contact:
    """One contact from `start_s` to `seen_s`, the last time at which it showed. `told` once it was reported.

    Recent ticks are kept whole, because a change of class is known only after it has held; older ones are sums.
    """

    def __init__(self, rules: SegmentRules, ticks: Iterable[Tick], *, told: bool = False) -> None:
        """Begin with ticks in which it showed, at least one."""
        self._rules = rules
        self._recent = deque(ticks)
        self._settled = Tally()
        self.start_s = self._recent[0].t_s
        self.seen_s = self._recent[-1].t_s
        self.told = told
        self._now = tallied(self._window()).top
        self._since_s = self.start_s

    def see(self, ticks: Iterable[Tick]) -> None:
        """It shows in the last of these ticks; those before it are a short lapse."""
        self._recent.extend(ticks)
        self.seen_s = self._recent[-1].t_s
        now = tallied(self._window()).top
        if now is not None and now != self._now:
            self._since_s = self.start_s if self._now is None else self._turned_s(self._now, now)
            self._now = now

    @property
    def total(self) -> Tally:
        """Everything up to `seen_s`."""
        return self._sum(self._recent)

    @property
    def certain(self) -> bool:
        """Whether it has lasted `least_s`, its mean activation reaches `on`, and it has a class."""
        if self.seen_s - self.start_s < self._rules.least_s - ROUNDING_S:
            return False
        total = self.total
        return total.contact_share >= self._rules.on - SLACK and bool(total.votes)

    def split(self) -> Contact | None:
        """The part in which it has become another class for good, cut off from this one; None where it has not.

        Parts shorter than `split_s` are no parts: zones flip for less inside one contact.
        """
        least_s = max(self._rules.split_s, self._rules.least_s) - ROUNDING_S
        held = self._last_like_now_s() - self._since_s >= least_s
        if held and self._since_s - self.start_s >= least_s:
            before = self._sum(tick for tick in self._recent if tick.t_s < self._since_s)
            if before.votes and before.top != self._now:
                part = Contact(self._rules, [tick for tick in self._recent if tick.t_s >= self._since_s])
                self._settled, self.seen_s = before, self._since_s
                self._recent.clear()
                return part
        # A change that has not held yet may still become the start of a part.
        self._settle(self.seen_s if held else self._since_s)
        return None

    def _sum(self, ticks: Iterable[Tick]) -> Tally:
        total = tallied(ticks)
        total.merge(self._settled)
        return total

    def _settle(self, until_s: float) -> None:
        until_s = min(until_s, self.seen_s - self._rules.vote_s)
        while self._recent[0].t_s < until_s:
            self._settled.add(self._recent.popleft())

    def _window(self) -> list[Tick]:
        return [tick for tick in self._recent if tick.t_s > self.seen_s - self._rules.vote_s + ROUNDING_S]

    def _last_like_now_s(self) -> float:
        """When it last looked like what the vote says: the vote keeps a class for half its span after the class."""
        alike = (tick.t_s for tick in reversed(self._recent) if tallied([tick]).top == self._now)
        return next(alike, self._since_s)

    def _turned_s(self, before: str, now: str) -> float:
        """When it turned from one class to the other: the cut that leaves most votes for `now` against `before` after.

        A cumulative sum (Page 1954), run backwards over the window.
        """
        turned_s, best, after = self.seen_s, 0.0, 0.0
        for tick in reversed(self._window()):
            votes = tallied([tick]).votes
            after += votes.get(now, 0.0) - votes.get(before, 0.0)
            if after > best + SLACK:
                turned_s, best = tick.t_s, after
        return turned_s


class Follower:
    """Follows one family on one side: a running mean with hysteresis, and the contact it is in, if any."""

    def __init__(self, rules: SegmentRules, *, merge_s: float, looked_s: float | None) -> None:
        """Begin with nothing; `looked_s` is when this family last was looked for and did not show, if it was.

        A contact that comes back within `merge_s` is the same one.
        """
        self._rules = rules
        self._merge_s = merge_s
        self._level = 0.0
        self._rise: deque[Tick] = deque()
        self._lapse: list[Tick] = []
        self._fading = False
        self._looked_s = looked_s
        self.contact: Contact | None = None

    def looked(self, t_s: float) -> float:
        """Seconds since the last look, 0 before the first."""
        return 0.0 if self._looked_s is None else t_s - self._looked_s

    def step(self, t_s: float, signal: Signal | None, speaking: float | None) -> Contact | None:
        """Take one look; returns the contact that turns out to have ended."""
        length_s = TICK_S if self._looked_s is None else t_s - self._looked_s
        self._looked_s = t_s
        tick = Tick.of(t_s, length_s, signal, speaking)
        self._level += (1.0 - (1.0 - self._rules.smoothing) ** (length_s / TICK_S)) * (tick.activation - self._level)
        self._note_rise(tick)
        if self.contact is None:
            if self._level >= self._rules.on - SLACK and self._rise:
                self._begin()
            return None
        self._go_on(self.contact, tick)
        return self._over(t_s)

    def drop(self) -> Contact | None:
        """Forget everything; returns the contact that was being followed."""
        ended, self.contact = self.contact, None
        self._level = 0.0
        self._rise.clear()
        self._lapse.clear()
        self._fading = False
        self._looked_s = None
        return ended

    def _note_rise(self, tick: Tick) -> None:
        if tick.activation < self._rules.off:
            self._rise.clear()
            return
        self._rise.append(tick)
        while self._rise[0].t_s < tick.t_s - self._rules.rise_s - ROUNDING_S:
            self._rise.popleft()

    def _begin(self) -> None:
        self.contact = Contact(self._rules, self._rise)
        self._lapse.clear()
        self._fading = False

    def _go_on(self, contact: Contact, tick: Tick) -> None:
        self._lapse.append(tick)
        if self._fading:
            if self._level < self._rules.on - SLACK:
                return
            whole = contact.total
            whole.merge(tallied(self._lapse))
            if not contact.told and whole.contact_share < self._rules.on - SLACK:
                # Flickers that were never sure do not become one long contact.
                self._begin()
                return
            self._fading = False
        if tick.activation >= self._rules.off:
            contact.see(self._lapse)
            self._lapse.clear()
        else:
            self._fading = self._level < self._rules.off

    def _over(self, t_s: float) -> Contact | None:
        """The contact, once it is too late for it to come back."""
        contact, merge_s = self.contact, self._merge_s
        if contact is None or not self._fading or t_s - contact.seen_s < merge_s - ROUNDING_S:
            return None
        if self._rise and self._rise[0].t_s - contact.seen_s <= merge_s + ROUNDING_S:
            return None
        self.contact = None
        self._lapse.clear()
        self._fading = False
        return contact
