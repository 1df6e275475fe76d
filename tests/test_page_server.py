"""The page's server as viewers meet it: what is said, to whom, in what order, and what happens to who does not read."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from monitor import records
from monitor.snapshot import SessionState
from streams.clock import monotonic_s
from tests.made_journal import SECRETS, SESSION, made_records
from tests.made_page import MadePage, Viewer, served, until
from tests.made_snapshot import LOST, MIC, RTSP, RUNNING, live
from tests.made_stream import MadeStream, made_picture

pytestmark = pytest.mark.unit


@pytest.fixture
def page(tmp_path: Path) -> Iterator[MadePage]:
    with served(tmp_path) as made:
        yield made


LONG = [replace(record, rationale="x" * 8000) for record in made_records() if isinstance(record, records.VerdictRecord)]
"""Records of 300 kB together, so that it takes few of them to fill what lies between a server and who does not read."""


def mark(number: int) -> records.MarkRecord:
    return records.MarkRecord(media_s=float(number), note=f"mark {number}")


def told_of(viewer: Viewer, number: int) -> None:
    viewer.until("record", note=f"mark {number}")


def test_who_comes_is_told_hello_the_history_and_the_state_and_then_what_is_new(page: MadePage) -> None:
    page.say(*made_records())
    page.show(live(SessionState.LIVE, RTSP))
    page.wait_for(151)
    with page.viewer() as viewer:
        hello, history, state = viewer.next(), viewer.next(), viewer.next()
        assert [one.kind for one in (hello, history, state)] == ["hello", "history", "state"]
        assert hello.data["stream"] == "interview"
        assert hello.data["resumed"] is False
        assert hello.data["preview"] == {"enabled": True, "every_s": 0.25}
        assert history.number == f"{SESSION}:151"
        assert len(history.data["verdicts"]) == 39
        assert (state.data["state"], state.number) == ("live", "")
        page.say(mark(601))
        record = viewer.next()
        assert (record.kind, record.number, record.data["note"]) == ("record", f"{SESSION}:152", "mark 601")


def test_the_same_state_is_not_told_twice(page: MadePage) -> None:
    page.say(made_records()[0])
    page.show(RUNNING)
    with page.viewer() as viewer:
        viewer.next("state")
        for _ in range(3):
            page.show(RUNNING)
        page.say(mark(1))
        assert viewer.next().kind == "record"


def test_who_comes_back_is_told_only_what_was_missed(page: MadePage) -> None:
    page.say(*made_records())
    page.say(mark(601), mark(602))
    page.wait_for(153)
    with page.viewer(last=f"{SESSION}:151") as viewer:
        assert viewer.next().data["resumed"] is True
        assert [viewer.next().data["note"] for _ in range(2)] == ["mark 601", "mark 602"]
    with page.viewer(last=f"{SESSION}:153") as viewer:
        assert viewer.next().data["resumed"] is True
        page.say(mark(603))
        assert viewer.next().data["note"] == "mark 603"


@pytest.mark.parametrize("last", ["l-other:3", "3", "", f"{SESSION}:", f"{SESSION}:-1", f"{SESSION}:9999", "x" * 4000])
def test_who_comes_back_from_elsewhere_gets_the_history(page: MadePage, last: str) -> None:
    page.say(made_records()[0], mark(1))
    page.wait_for(2)
    with page.viewer(last=last) as viewer:
        assert viewer.next().data["resumed"] is False
        assert viewer.next().kind == "history"


def test_who_was_away_for_too_long_gets_the_history(page: MadePage) -> None:
    page.say(made_records()[0], *(mark(number) for number in range(600)))
    page.wait_for(601)
    with page.viewer(last=f"{SESSION}:50") as viewer:
        assert viewer.next().data["resumed"] is False
    with page.viewer(last=f"{SESSION}:102") as viewer:
        assert viewer.next().data["resumed"] is True
        told_of(viewer, 599)


def test_after_a_restart_on_the_same_port_a_browser_gets_the_new_session_whole(tmp_path: Path) -> None:
    with served(tmp_path) as first:
        first.say(*made_records())
        first.wait_for(151)
        port = first.port
    other = MadeStream(tmp_path / "other.jsonl", session="l-fedcba9876543210")
    with served(tmp_path, other, port=port) as second:
        second.say(made_records()[0])
        second.wait_for(1)
        with second.viewer(last=f"{SESSION}:151") as viewer:
            assert viewer.next().data["session"] == "l-fedcba9876543210"
            assert viewer.next().data["seq"] == 1


def test_a_restart_that_carries_a_session_on_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "interview.jsonl"
    with served(tmp_path, MadeStream(path)) as first:
        first.say(made_records()[0], mark(1), mark(2))
        port = first.port
    with served(tmp_path, MadeStream(path), port=port) as second:
        second.say(made_records()[0], mark(1), mark(2), mark(3))
        second.wait_for(4)
        with second.viewer(last=f"{SESSION}:2") as viewer:
            assert viewer.next().data["resumed"] is True
            assert [viewer.next().data["note"] for _ in range(2)] == ["mark 2", "mark 3"]


def test_the_monitors_end_is_told_and_ends_every_stream_at_once(tmp_path: Path) -> None:
    with ExitStack() as leaving, served(tmp_path) as page:
        page.say(made_records()[0])
        viewers = [leaving.enter_context(page.viewer()) for _ in range(20)]
        for viewer in viewers:
            viewer.next("history")
        page.say(mark(1))
        page.runner.run(page.outputs["interview"].close(live(SessionState.ENDED)))
        begun_s = monotonic_s()
        page.runner.run(page.destination.close())
        assert monotonic_s() - begun_s < 1.5
        for viewer in viewers:
            told_of(viewer, 1)
            assert viewer.next("state").data["state"] == "ended"
            assert viewer.next().kind == "bye"
            with pytest.raises(EOFError):
                viewer.next()


def test_an_ended_session_stays_on_the_page(page: MadePage) -> None:
    page.say(*made_records())
    page.streams[0].picture = made_picture()
    page.show(RUNNING)
    page.runner.run(page.outputs["interview"].close(live(SessionState.ENDED)))
    page.wait_for(151)
    with page.viewer() as viewer:
        assert viewer.next("history").data["end"]["reason"] == "ended"
        assert viewer.next("state").data["preview"] == "none"
    assert page.get("/streams").json()["streams"] == [{"name": "interview", "state": "ended"}]
    assert page.get("/streams/interview/preview.jpg").status_code == 204


def test_several_streams_are_kept_apart(tmp_path: Path) -> None:
    both = [MadeStream(tmp_path / f"{name}.jsonl", name, session=f"l-{name}") for name in ("left", "right")]
    with served(tmp_path, *both) as page:
        page.show(live(SessionState.LOST, LOST), "left")
        page.say(made_records()[0], mark(7), name="right")
        with page.viewer("right") as viewer:
            assert viewer.until("history")["session"] == "l-right"
        with page.viewer("left") as viewer:
            assert viewer.until("state")["state"] == "lost"
        told = page.get("/streams").json()["streams"]
        assert told == [{"name": "left", "state": "lost"}, {"name": "right", "state": "connecting"}]


@pytest.mark.parametrize(
    "path",
    [
        "/streams/nobody/events",
        "/streams/nobody/preview.jpg",
        "/streams/..%2f..%2fetc/events",
        "/streams/%00/events",
        "/streams/" + "x" * 5000 + "/events",
        "/static/..%2fdestination.py",
        "/static/nothing.js",
        "/static/",
        "/elsewhere",
    ],
)
def test_what_is_not_there_is_not_found_and_not_repeated(page: MadePage, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 404
    assert len(answer.content) < 100
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_only_reads(page: MadePage) -> None:
    with page.client() as client:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, "/streams/interview/events").status_code == 405
            assert client.request(method, "/streams").status_code == 405
    assert page.streams[0].asked == []


def test_a_head_request_is_answered_and_over(page: MadePage) -> None:
    with page.client() as client:
        answer = client.head("/streams/interview/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    until(lambda: page.viewers == 0)


def test_one_viewer_too_many_is_told_so_in_one_line(tmp_path: Path) -> None:
    with served(tmp_path, most_viewers=2) as page, page.viewer() as one, page.viewer() as two:
        one.next("hello"), two.next("hello")
        answer = page.get("/streams/interview/events")
        assert answer.status_code == 503
        assert answer.text == "2 viewers are here already (outputs.web.most_viewers)\n"
        assert answer.headers["retry-after"] == "10"


def test_who_leaves_makes_room(tmp_path: Path) -> None:
    with served(tmp_path, most_viewers=1) as page:
        for _ in range(3):
            with page.viewer() as viewer:
                viewer.next("hello")
            until(lambda: page.viewers == 0)


def test_who_does_not_read_is_told_that_it_is_behind_and_gets_the_newest(page: MadePage) -> None:
    page.say(made_records()[0])
    page.wait_for(1)
    with closing(silent(page)) as deaf:
        until(lambda: page.viewers == 1)
        for _ in range(35):
            page.say(*LONG)
            page.wait_for(page.streams[0].file.seq)
        page.say(mark(1))
        text = read_until(deaf, b'"note":"mark 1"').decode()
        assert "event: behind" in text
        assert text.index("event: behind") < text.rindex("event: history")


def test_who_reads_nothing_for_long_is_dropped_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.server._BLOCKED_S", 0.3)
    with served(tmp_path) as page, closing(silent(page)), page.viewer() as other:
        page.say(made_records()[0])
        until(lambda: page.viewers == 2)
        number = 0
        begun_s = monotonic_s()
        while page.viewers == 2:
            assert monotonic_s() - begun_s < 20.0
            number += 1
            page.say(*LONG, mark(number))
            told_of(other, number)
        page.say(mark(number + 1))
        told_of(other, number + 1)


def test_a_blocked_reader_does_not_hold_up_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with served(tmp_path) as page, closing(silent(page)):
        page.say(made_records()[0])
        until(lambda: page.viewers == 1)
        for _ in range(20):
            page.say(*LONG)
            page.wait_for(page.streams[0].file.seq)
        begun_s = monotonic_s()
        page.runner.run(page.destination.close())
        assert monotonic_s() - begun_s < 3.0
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []


def test_silence_is_broken_by_events_that_a_script_can_hear(tmp_path: Path) -> None:
    with served(tmp_path, beat_s=0.1) as page, page.viewer() as viewer:
        assert viewer.next("hello").data["beat_s"] == 0.1
        viewer.next("history")
        assert viewer.next().kind == "here"


def test_a_browser_is_told_when_to_come_back(page: MadePage) -> None:
    with closing(silent(page)) as reader:
        assert b"retry: 2000\n\n" in read_until(reader, b"event: hello")


def test_what_a_session_calls_its_things_is_known_before_its_records_are_told(page: MadePage) -> None:
    (begun,) = (record for record in made_records() if isinstance(record, records.SessionRecord))
    together = threading.Event()
    assert page.destination._server is not None
    page.destination._server.tell(lambda: (together.wait(5.0), None)[1])
    page.say(replace(begun, source="live"), records.MarkRecord(media_s=1.0, note="USB Audio hums"))
    page.show(replace(live(SessionState.LIVE, MIC), source="mic:USB Audio"))
    together.set()
    page.wait_for(2)
    with page.viewer() as viewer:
        assert viewer.next("history").data["marks"][0]["note"] == "(name) hums"


def test_who_asks_for_half_of_something_is_given_up_whether_it_is_the_first_time_or_not(
    page: MadePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.server._REQUEST_S", 0.5)
    whole, half = f"GET /streams HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode(), b"GET / HTTP/1.1\r\nHo"
    with page.viewer() as viewer, ExitStack() as leaving:
        viewer.next("history")
        for first in (b"", whole):
            asking = leaving.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=5.0))
            if first:
                asking.sendall(first)
                assert read_until(asking, b"}]}").startswith(b"HTTP/1.1 200")
            asking.sendall(half)
            with contextlib.suppress(ConnectionResetError):
                assert asking.recv(65536) == b""
        # Who reads events is not asked for more.
        page.say(made_records()[0], mark(1))
        told_of(viewer, 1)


def test_no_answer_holds_a_secret_of_the_operators(page: MadePage) -> None:
    page.say(*made_records())
    page.streams[0].picture = made_picture()
    snapshot = replace(
        live(SessionState.LIVE, RTSP), notices=SECRETS[:3], source=SECRETS[1], journal="/home/carol/j.jsonl"
    )
    page.show(snapshot)
    page.wait_for(151)
    answers = [page.get(path).text for path in ("/", "/streams", "/static/page.js")]
    for last in (None, f"{SESSION}:1"):
        with page.viewer(last=last) as viewer:
            told = ""
            while '"says"' not in told:
                told += json.dumps(viewer.next().data, ensure_ascii=False)
            answers.append(told)
    # The models' words may say what somebody said: the page is the operator's own screen.
    found = [secret for secret in SECRETS for answer in answers if secret in answer.replace("she said yes", "")]
    assert found == []


def test_hostile_words_are_one_event_and_change_no_other(page: MadePage) -> None:
    hostile = "\r\n\r\nevent: state\ndata: {}\n\n\u2028\x00<img src=x onerror=alert(1)>\U0001f600"
    made = made_records()
    described = next(record for record in made if isinstance(record, records.DescriptionRecord))
    judged = next(record for record in made if isinstance(record, records.VerdictRecord))
    page.say(made[0], replace(described, text=hostile), replace(judged, rationale=hostile))
    page.wait_for(3)
    with page.viewer() as viewer:
        viewer.next("hello")
        verdict = viewer.next().data["verdicts"][0]
        assert verdict["description"] == verdict["rationale"] == hostile
        page.say(mark(1))
        assert viewer.next().data["note"] == "mark 1"


def silent(page: MadePage) -> socket.socket:
    """Somebody who asks for events and reads nothing by itself, with as small a buffer as there is."""
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asking.settimeout(10.0)
    asking.connect(("127.0.0.1", page.port))
    asking.sendall(f"GET /streams/interview/events HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode())
    return asking


def read_until(reader: socket.socket, wanted: bytes) -> bytes:
    text = bytearray()
    while wanted not in text[-100_000:]:
        piece = reader.recv(65536)
        assert piece, bytes(text[-300:])
        text += piece
    return bytes(text)
