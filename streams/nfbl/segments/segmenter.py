"""From signals to events: one contact, one event, opened while it lasts and closed when it is over. Pure.

Hysteresis, shortest dwell, merge gap, vote and score follow the design's sections 3.4 and 3.5. An event is told of as
soon as it has lasted `least_s`, dated from where the activation began to rise; its end is told `merge_s` late, dated
from where it was last seen, because a hand that comes back within that gap never left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from buffers.records import Group, NfblEvent, Phase
from configs.rules import SegmentRules
from configs.taxonomy import taxonomy
from streams.nfbl.feed import Report
from streams.nfbl.landmarks import Side
from streams.nfbl.segments.episodes import Contact, Follower, Tally
from streams.nfbl.signals import Family, Signal

MOST_ALTERNATIVES: Final = 3
"""Runners-up that are told."""

LEAST_SHARE: Final = 0.05
"""Share of the votes from which a runner-up is told, and by which another class must lead to take over."""

DOUBTFUL: Final = 0.5
"""Share of its score that a sure contact keeps when two classes are equally likely: its region is still known."""

HANDS: Final = (Side.LEFT, Side.RIGHT)

Place = tuple[Group, Family, Side]


@dataclass(slots=True, eq=False)
class _Event:
    """What is told under one id: a contact, or the same with both hands. `class_id` is what was told last."""

    id: str
    group: Group
    family: Family
    side: Side
    class_id: str
    start_s: float
    end_s: float
    told_s: float
    told_side: Side | None = None
    """The side that was told last, None before the first report."""
    members: dict[Side, Contact] = field(default_factory=dict)
    past: Tally = field(default_factory=Tally)

    @property
    def joinable(self) -> bool:
        """Whether it is a contact of one hand or both that still lasts."""
        return bool(self.members) and self.side in {*HANDS, Side.BOTH}

    @property
    def seen_s(self) -> float:
        """When it last was seen."""
        return max([self.end_s, *(contact.seen_s for contact in self.members.values())])

    @property
    def total(self) -> Tally:
        """Everything that was seen of it."""
        total = Tally()
        total.merge(self.past)
        for contact in self.members.values():
            total.merge(contact.total)
        return total

    def join(self, side: Side, contact: Contact) -> None:
        """Take a contact in, of the other hand perhaps."""
        contact.told = True
        self.members[side] = contact
        if side is not self.side:
            self.side = Side.BOTH

    def leave(self, side: Side) -> None:
        """The contact of that side is over."""
        contact = self.members.pop(side)
        self.past.merge(contact.total)
        self.end_s = max(self.end_s, contact.seen_s)


class Segmenter:
    """Events of one stream of signals. `source` names what makes them, in every record.

    Channels (group, family, side) are followed apart; only the same class with both hands becomes one event. The
    state does not grow with time.
    """

    def __init__(self, rules: SegmentRules, *, source: str) -> None:
        """Begin with nothing open."""
        self.rules = rules
        self._source = source
        self._followers: dict[Place, Follower] = {}
        self._events: list[_Event] = []
        self._count = 0
        self._last_s: float | None = None
        self._looked_s: float | None = None
        self._names = {known.id: known.name for known in taxonomy().classes}
        self._ceilings = {
            Group.HEAD: rules.ceiling_head,
            Group.ARMS: rules.ceiling_arms,
            Group.HANDS: rules.ceiling_hands,
            Group.POSTURE: rules.ceiling_posture,
            Group.ILLUSTRATIVE: rules.ceiling_illustrative,
        }

    def step(
        self, t_s: float, signals: Sequence[Signal], speaking: float | None, blind: Collection[Group] = ()
    ) -> list[Report]:
        """Take what shows at `t_s` and tell what is known by it.

        A channel without a signal shows nothing; in a group that is `blind` it is not known, and what was open there
        stays so for `blind_s`. `speaking` is the share 0-1 of the time with speech, None where unknown.

        Raises:
            ValueError: `t_s` lies before the step before.
        """
        hole = self._looked_s is not None and t_s - self._looked_s > self.rules.blind_s
        reports = self.interrupt(t_s) if hole else []
        self._reach(t_s)
        shown: dict[Place, Signal] = {}
        for signal in signals:
            place = (signal.group, signal.family, signal.side)
            if place not in shown or signal.activation > shown[place].activation:
                shown[place] = signal
        for place in shown.keys() - self._followers.keys():
            spoken = place[0] is Group.ILLUSTRATIVE
            merge_s = self.rules.merge_illustrative_s if spoken else self.rules.merge_s
            self._followers[place] = Follower(self.rules, merge_s=merge_s, looked_s=self._looked_s)
        begun: list[tuple[Place, Contact]] = []
        for place in sorted(self._followers):
            begun += self._follow(place, t_s, shown.get(place), speaking, blind)
        for place, contact in sorted(begun, key=lambda item: item[1].start_s):
            self._open(place, contact, t_s)
        self._looked_s = t_s
        return [*reports, *self._told(t_s)]

    def interrupt(self, t_s: float) -> list[Report]:
        """Nothing from before `t_s` goes on: what is open closes at the last time it was seen.

        For a cut, another person, a lost engine. Raises ValueError where `t_s` lies before the last step.
        """
        self._reach(t_s)
        self._looked_s = None
        for place, follower in self._followers.items():
            self._end(place, follower.drop())
        return self._told(t_s)

    def finish(self, t_s: float) -> list[Report]:
        """The stream is over at `t_s`: everything that is open closes. Raises as `interrupt`."""
        return self.interrupt(t_s)

    def _reach(self, t_s: float) -> None:
        if self._last_s is not None and t_s < self._last_s:
            raise ValueError(f"signals must come in order of time: {t_s:g} s after {self._last_s:g} s")
        self._last_s = t_s

    def _follow(
        self, place: Place, t_s: float, signal: Signal | None, speaking: float | None, blind: Collection[Group]
    ) -> Iterator[tuple[Place, Contact]]:
        """Move one channel on; gives the contacts that are to be told of from now on."""
        follower = self._followers[place]
        if signal is None and place[0] in blind:
            if follower.looked(t_s) > self.rules.blind_s:
                self._end(place, follower.drop())
            return
        self._end(place, follower.step(t_s, signal, speaking))
        contact = follower.contact
        if contact is None:
            return
        if contact.told:
            part = contact.split()
            if part is not None:
                self._end(place, contact)
                follower.contact = part
                yield place, part
        elif contact.certain:
            yield place, contact

    def _end(self, place: Place, contact: Contact | None) -> None:
        if contact is None or not contact.told:
            return
        next(event for event in self._events if event.members.get(place[2]) is contact).leave(place[2])

    def _open(self, place: Place, contact: Contact, t_s: float) -> None:
        group, family, side = place
        class_id = contact.total.ranking[0][0]
        for event in self._events:
            alike = (event.group, event.family, event.class_id) == (group, family, class_id)
            if alike and side in HANDS and event.joinable and side not in event.members:
                event.join(side, contact)
                return
        self._count += 1
        event = _Event(f"e{self._count}", group, family, side, class_id, contact.start_s, contact.seen_s, t_s)
        event.join(side, contact)
        self._events.append(event)

    def _told(self, t_s: float) -> list[Report]:
        """Reports of everything that changed, closes first."""
        over = [event for event in self._events if not event.members]
        self._events = [event for event in self._events if event.members]
        reports = [self._report(event, Phase.CLOSE, t_s, event.total) for event in over]
        for event in self._events:
            total, class_id = event.total, event.class_id
            phase = Phase.OPEN if event.told_side is None else Phase.UPDATE
            event.class_id = _led(total, class_id)
            changed = event.class_id != class_id or event.side is not event.told_side
            if changed or t_s - event.told_s >= self.rules.longest_s:
                event.told_side, event.told_s = event.side, t_s
                reports.append(self._report(event, phase, t_s, total))
        return reports

    def _report(self, event: _Event, phase: Phase, t_s: float, total: Tally) -> Report:
        class_id = event.class_id = _led(total, event.class_id)
        shares = dict(total.ranking)
        rivals = [(rival, share) for rival, share in shares.items() if rival != class_id and share >= LEAST_SHARE]
        return Report(
            t_s,
            NfblEvent(
                id=event.id,
                phase=phase,
                group=event.group,
                class_id=class_id,
                name=self._names.get(class_id, class_id),
                side=event.side.value,
                start_s=event.start_s,
                end_s=event.end_s if phase is Phase.CLOSE else t_s,
                score=self._score(event, total, shares),
                alternatives=tuple(rivals[:MOST_ALTERNATIVES]),
                source=self._source,
                speaking=total.speaking,
                quality=total.quality,
            ),
        )

    def _score(self, event: _Event, total: Tally, shares: Mapping[str, float]) -> float:
        """Uncalibrated, 0-1 (design, section 3.5); a doubtful class costs half of it at most."""
        own = shares.get(event.class_id, 0.0)
        rival = max((share for class_id, share in shares.items() if class_id != event.class_id), default=0.0)
        margin = DOUBTFUL + (1.0 - DOUBTFUL) * max(0.0, own - rival)
        dwell_s, full_s = event.seen_s - event.start_s, self.rules.full_score_s
        lasted = min(1.0, dwell_s / full_s) if full_s > 0.0 else 1.0
        return total.contact_share * total.quality * margin * lasted * self._ceilings[event.group]


def _led(total: Tally, class_id: str) -> str:
    """The class to tell: the one that was told, unless another clearly leads; two that are level do not alternate."""
    ranking = total.ranking
    top, share = ranking[0]
    return top if share - dict(ranking).get(class_id, 0.0) >= LEAST_SHARE else class_id
