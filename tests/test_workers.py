"""A worker takes its edge's items to its de-identifier, and knows no other thread but its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import pytest

from buffers.records import CleanAudio, CleanFrame, CleanItem, Gap, Track
from streams.channel import Channel, ChannelClosed, Policy
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.voice import VoiceDeidentifier
from streams.media import RawAudio, RawFrame, RawGap, RawItem
from streams.workers import AudioWorker, VisionWorker, Worker, end_s
from tests.made_ingest import PlainFaces, PlainVoice, blocks, frames

pytestmark = pytest.mark.unit

HOLE = RawGap(Track.VIDEO, 1.0, 1.2, "face masking was restarted")
SILENT = RawGap(Track.AUDIO, 1.0, 1.2, "voice altering was restarted")


class Told:
    """What a worker handed on, and whether its stage counted as busy then."""

    def __init__(self) -> None:
        self.items: list[CleanItem] = []
        self.reached_s = -math.inf
        self.busy: list[bool] = []

    def __call__(self, worker: Worker, items: Sequence[tuple[float, CleanItem]], reached_s: float) -> None:
        self.items += [item for _, item in items]
        self.reached_s = max(self.reached_s, reached_s)
        self.busy.append(worker.stage.since_s is not None)

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in self.items if isinstance(item, Gap)]


def video_edge(*items: RawItem) -> Channel[RawFrame | RawGap]:
    edge: Channel[RawFrame | RawGap] = Channel("video", max_items=100, policy=Policy.WAIT)
    for item in items:
        assert isinstance(item, (RawFrame, RawGap))
        edge.put(0.0, item)
    edge.close()
    return edge


def audio_edge(*items: RawItem) -> Channel[RawAudio | RawGap]:
    edge: Channel[RawAudio | RawGap] = Channel("audio", max_items=100, policy=Policy.WAIT)
    for item in items:
        assert isinstance(item, (RawAudio, RawGap))
        edge.put(0.0, item)
    edge.close()
    return edge


def vision(told: Told, *items: RawItem, faces: PlainFaces | None = None, after: RawGap | None = None) -> VisionWorker:
    masked = cast(FaceDeidentifier, faces or PlainFaces())
    return VisionWorker(video_edge(*items), masked, None, told, live=True, after=after)


def hearing(told: Told, *items: RawItem, voice: PlainVoice | None = None, after: RawGap | None = None) -> AudioWorker:
    return AudioWorker(audio_edge(*items), cast(VoiceDeidentifier, voice or PlainVoice()), None, told, after=after)


def test_a_worker_rests_while_the_session_has_no_room_and_at_the_end() -> None:
    seen, heard = Told(), Told()
    workers = (vision(seen, *frames(10)), hearing(heard, *blocks(10)))
    for worker in workers:
        worker.run()
        assert worker.stage.since_s is None
    assert seen.busy
    assert heard.busy
    assert not any(seen.busy + heard.busy)


def test_a_worker_knows_how_far_it_took_its_edge() -> None:
    worker = vision(Told(), *frames(11, fps=10))
    assert worker.taken_s == -math.inf
    worker.run()
    assert worker.taken_s == pytest.approx(1.0)
    heard = hearing(Told(), *blocks(10))
    heard.run()
    assert heard.taken_s == pytest.approx(1.0)
    assert end_s(HOLE) == 1.2


def test_a_worker_in_the_place_of_another_begins_with_the_hole_up_to_its_first_item() -> None:
    told = Told()
    vision(told, *frames(5, start_s=1.5), after=HOLE).run()
    assert told.gaps == [Gap(Track.VIDEO, 1.0, 1.5, "face masking was restarted")]
    assert isinstance(told.items[0], Gap)
    assert sum(isinstance(item, CleanFrame) for item in told.items) == 5
    told = Told()
    hearing(told, *blocks(5, start_s=1.5), after=SILENT).run()
    assert told.gaps == [Gap(Track.AUDIO, 1.0, 1.5, "voice altering was restarted")]
    assert sum(isinstance(item, CleanAudio) for item in told.items) == 5


def test_where_nothing_follows_the_hole_ends_with_what_the_other_had_taken() -> None:
    told = Told()
    vision(told, after=HOLE).run()
    assert told.gaps == [Gap(Track.VIDEO, 1.0, 1.2, "face masking was restarted")]
    told = Told()
    hearing(told, after=SILENT).run()
    assert told.gaps == [Gap(Track.AUDIO, 1.0, 1.2, "voice altering was restarted")]


def test_a_hole_of_no_length_is_not_told() -> None:
    told = Told()
    vision(told, after=RawGap(Track.VIDEO, 1.0, 1.0, "face masking was restarted")).run()
    assert told.items == []


def test_a_worker_that_was_left_behind_takes_nothing_more_and_lets_its_faces_go() -> None:
    told = Told()
    faces = PlainFaces(before=lambda: worker.leave())  # noqa: PLW0108 - the worker is made below
    worker = vision(told, *frames(5), faces=faces)
    with pytest.raises(ChannelClosed, match="face masking was left behind"):
        worker.run()
    assert worker.taken_s == 0.0
    assert told.items == []
    assert faces.closed.is_set()
    assert worker.stage.since_s is None


def test_a_voice_that_was_left_behind_tells_nothing_more() -> None:
    told = Told()
    voice = PlainVoice(before=lambda: worker.leave())  # noqa: PLW0108 - the worker is made below
    worker = hearing(told, *blocks(5), voice=voice)
    with pytest.raises(ChannelClosed, match="voice altering was left behind"):
        worker.run()
    assert worker.taken_s == pytest.approx(0.1)
    assert told.items == []
