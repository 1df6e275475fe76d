from __future__ import annotations

import threading

import pytest

import streams.sources.live.link as link_module
from buffers.links import LinkState
from buffers.records import Track
from configs.live_settings import LiveSettings
from streams.clock import VirtualClock
from streams.media import RawItem
from streams.sources.base import LiveSource
from streams.sources.live.captor import CaptureFailed
from streams.sources.live.source import CapturedSource
from tests.made_captors import VIDEO, ScriptedCaptor, fail, flow, wait_until

pytestmark = pytest.mark.unit

AUDIO = frozenset({Track.AUDIO})


@pytest.fixture(autouse=True)
def _wake_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time passes in an instant: the links must look at it as often."""
    monkeypatch.setattr(link_module, "_WAKE_S", 0.005)


class Session:
    """Both links of a camera and a microphone, read by a thread each."""

    def __init__(self, camera: ScriptedCaptor, mic: ScriptedCaptor) -> None:
        self.source = CapturedSource([(camera, VIDEO), (mic, AUDIO)], LiveSettings())
        self.clock = VirtualClock()
        self.items: list[RawItem] = []
        self._threads = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in range(2)]

    def __enter__(self) -> CapturedSource:
        self.source.begin(self.clock)
        for thread in self._threads:
            thread.start()
        return self.source

    def __exit__(self, *_: object) -> None:
        self.source.stop()
        for thread in self._threads:
            thread.join(10.0)
            assert not thread.is_alive()

    def _read(self, number: int) -> None:
        link = self.source.links[number]
        for item in link.items():
            self.items.append(item)
        link.close()

    def states(self) -> list[LinkState]:
        return [status.state for status in self.source.status]


def camera() -> ScriptedCaptor:
    return ScriptedCaptor(flow(VIDEO), tracks=VIDEO, name="camera:made")


def mic() -> ScriptedCaptor:
    return ScriptedCaptor(flow(AUDIO), tracks=AUDIO, name="mic:made")


def test_a_captured_source_is_a_live_source() -> None:
    source = CapturedSource([(camera(), VIDEO), (mic(), AUDIO)], LiveSettings())
    assert isinstance(source, LiveSource)
    assert source.info.name == "camera:made + mic:made"
    assert [info.track for info in source.info.tracks] == [Track.VIDEO, Track.AUDIO]
    assert source.digest is None
    assert [status.state for status in source.status] == [LinkState.CONNECTING] * 2


def test_a_lost_camera_leaves_the_microphone_alone() -> None:
    lost = ScriptedCaptor(fail(CaptureFailed("unplugged")), tracks=VIDEO, name="camera:made")
    session = Session(lost, mic())
    with session as source:
        wait_until(lambda: session.states() == [LinkState.LOST, LinkState.LIVE])
        assert source.status[0].reason == "unplugged"
    told = {(change.link, change.state) for change in source.changes()}
    assert ("camera:made", LinkState.LOST) in told
    assert ("mic:made", LinkState.LIVE) in told
    assert source.changes() == ()


def test_a_pause_closes_all_links_at_the_call() -> None:
    session = Session(camera(), mic())
    with session as source:
        wait_until(lambda: session.states() == [LinkState.LIVE] * 2)
        source.pause()
        assert session.states() == [LinkState.PAUSED] * 2
        source.resume()
        wait_until(lambda: session.states() == [LinkState.LIVE] * 2)
    assert session.states() == [LinkState.ENDED] * 2


def test_everything_may_be_asked_from_any_thread_at_any_time() -> None:
    session = Session(camera(), mic())
    done = threading.Event()
    asked: list[int] = []
    failed: list[BaseException] = []

    def ask() -> None:
        count = 0
        try:
            while not done.is_set():
                for status, link in zip(session.source.status, session.source.links, strict=True):
                    assert status.name == link.name
                    assert (status.retry_s is not None) == (status.state is LinkState.LOST)
                    assert status.silent_s is None or status.silent_s >= 0.0
                assert len(session.source.info.tracks) == 2
                count += 1
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failed.append(error)
        asked.append(count)

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    with session as source:
        for asker in askers:
            asker.start()
        for n in range(40):
            source.pause() if n % 2 == 0 else source.resume()
            session.clock.sleep_until(session.clock.now_s() + 0.7)
            done.wait(0.01)
        done.set()
        for asker in askers:
            asker.join(10.0)
    assert failed == []
    assert min(asked) > 0
    assert len(asked) == 4
