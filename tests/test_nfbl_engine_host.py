from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from buffers.records import FeedState
from configs.errors import ModelUnavailable
from streams.clock import monotonic_s
from streams.nfbl.engine import host as host_module
from streams.nfbl.engine.host import Answer, Changed, EngineHost, Lost
from streams.nfbl.engine.process import start
from streams.nfbl.engine.wire import WireError
from streams.nfbl.landmarks import Body
from tests.made_engine import Prank, Start, eventually, spawner_of, view_of

pytestmark = pytest.mark.unit

SOON_S = 20.0


class Hosts:
    """Makes hosts that are closed at the end, and looks after what they leave behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hosts: list[EngineHost] = []

    def __call__(self, begin: Start = Start.AT_ONCE, *, live: bool = False, timeout_s: float = 10.0) -> EngineHost:
        self._hosts.append(EngineHost(spawner_of(self._folder, begin), live=live, timeout_s=timeout_s))
        return self._hosts[-1]

    def lives(self) -> list[int]:
        """Process ids so far."""
        file = self._folder / "lives"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def close(self) -> None:
        for host in self._hosts:
            host.close()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    made = Hosts(tmp_path)
    yield made
    made.close()
    assert not [pid for pid in made.lives() if psutil.pid_exists(pid)]


def kinds(answers: list[Answer]) -> list[object]:
    """States of changes, times of bodies, ("lost", time) of lost views."""
    told: list[object] = []
    for answer in answers:
        if isinstance(answer, Changed):
            told.append(answer.state)
        else:
            told.append(("lost", answer.t_s) if isinstance(answer, Lost) else answer.t_s)
    return told


def test_every_view_is_answered_in_order_and_each_once(hosts: Hosts) -> None:
    host = hosts()
    answers: list[Answer] = []
    for n in range(12):
        host.submit(view_of(n / 10, side_px=400))
        answers += host.collect(n / 10 - 0.2)
    answers += host.collect(float("inf"))
    assert kinds(answers) == [FeedState.LIVE, *(n / 10 for n in range(12))]
    assert host.collect(float("inf")) == []
    assert (host.counts.asked, host.counts.answered, host.counts.dropped, host.counts.losses) == (12, 12, 0, 0)
    assert host.counts.cpu_ms > 0
    assert host.state == (FeedState.LIVE, "")


def test_only_what_was_submitted_up_to_the_time_is_collected(hosts: Hosts) -> None:
    host = hosts()
    host.wait_ready()
    assert host.collect(5.0) == []
    for n in range(4):
        host.submit(view_of(float(n)))
    assert kinds(host.collect(1.5)) == [FeedState.LIVE, 0.0, 1.0]
    assert kinds(host.collect(1.5)) == []
    assert kinds(host.collect(3.0)) == [2.0, 3.0]


def test_the_pixels_arrive(hosts: Hosts) -> None:
    host = hosts()
    host.submit(view_of(0.0, Prank.CHATTER))
    body = host.collect(0.0)[-1]
    assert isinstance(body, Body)
    assert body.pose is not None
    assert np.allclose(body.pose, Prank.CHATTER / 255)


def test_live_only_the_newest_view_waits_and_nobody_waits_for_it(hosts: Hosts, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    host = hosts(Start.GATED, live=True)
    for n in range(50):
        host.submit(view_of(float(n), side_px=400))
        assert host.collect(float(n)) == []
    assert host.state == (FeedState.STARTING, "")
    (tmp_path / "gate").write_bytes(b".")
    host.wait_ready()
    assert eventually(lambda: host.counts.answered == 1)
    assert kinds(host.collect(0.0)) == [FeedState.LIVE, 49.0]
    assert (host.counts.asked, host.counts.dropped) == (50, 49)


@pytest.mark.parametrize("prank", [Prank.DIE, Prank.GARBAGE, Prank.TORN, Prank.RAISE, Prank.STRANGER, Prank.HANG])
def test_live_an_engine_that_is_lost_at_a_view_is_said_to_be_and_replaced(hosts: Hosts, prank: Prank) -> None:
    host = hosts(live=True, timeout_s=0.5 if prank is Prank.HANG else 10.0)
    host.wait_ready()
    host.submit(view_of(1.0, prank))
    reasons = {
        Prank.DIE: "signal 9",
        Prank.GARBAGE: "nonsense for an answer",
        Prank.TORN: "exit code 0",
        Prank.RAISE: "exit code 1",
        Prank.STRANGER: "an answer to another question",
        Prank.HANG: "no answer in time",
    }
    answers: list[Answer] = []

    def four_answers() -> bool:
        answers.extend(host.collect(0.0))
        return len(answers) == 4

    assert eventually(four_answers, SOON_S)
    assert kinds(answers) == [FeedState.LIVE, FeedState.RESTARTING, ("lost", 1.0), FeedState.LIVE]
    change, lost = answers[1], answers[2]
    assert isinstance(change, Changed)
    assert isinstance(lost, Lost)
    assert change.reason == f"landmark engine lost ({reasons[prank]}), restarting"
    assert lost.reason == f"landmark engine lost ({reasons[prank]})"
    assert change.t_s == 1.0
    host.submit(view_of(2.0))
    assert eventually(lambda: kinds(host.collect(0.0)) == [2.0], SOON_S)
    assert host.counts.losses == 1
    assert len(hosts.lives()) == 2


def test_an_engine_killed_while_nothing_is_asked_is_missed_within_two_seconds(hosts: Hosts) -> None:
    host = hosts(live=True)
    host.wait_ready()
    killed_s = monotonic_s()
    os.kill(hosts.lives()[0], signal.SIGKILL)
    assert eventually(lambda: host.state[0] is FeedState.RESTARTING)
    assert monotonic_s() - killed_s < 2.0
    assert eventually(lambda: host.state[0] is FeedState.LIVE, SOON_S)
    assert kinds(host.collect(0.0)) == [FeedState.LIVE, FeedState.RESTARTING, FeedState.LIVE]


def test_an_engine_that_speaks_unasked_is_replaced(hosts: Hosts) -> None:
    host = hosts(live=True)
    host.wait_ready()
    host.submit(view_of(0.0, Prank.CHATTER))
    assert eventually(lambda: host.counts.losses == 1)
    assert eventually(lambda: host.state[0] is FeedState.LIVE, SOON_S)


def test_at_max_speed_a_view_is_asked_again_so_that_a_run_stays_whole(hosts: Hosts) -> None:
    host = hosts()
    for n, prank in enumerate((Prank.NONE, Prank.DIE_ONCE, Prank.NONE)):
        host.submit(view_of(float(n), prank))
    answers = host.collect(2.0)
    assert kinds(answers) == [FeedState.LIVE, 0.0, FeedState.RESTARTING, FeedState.LIVE, 1.0, 2.0]
    assert host.counts.losses == 1


def test_at_max_speed_a_view_that_kills_twice_is_given_up(hosts: Hosts) -> None:
    host = hosts()
    for n, prank in enumerate((Prank.NONE, Prank.DIE, Prank.NONE)):
        host.submit(view_of(float(n), prank))
    told = kinds(host.collect(2.0))
    assert [each for each in told if not isinstance(each, FeedState)] == [0.0, ("lost", 1.0), 2.0]
    assert host.counts.losses == 2


def test_an_engine_that_is_lost_too_often_stays_off_and_every_view_is_answered(hosts: Hosts) -> None:
    host = hosts()
    for n in range(4):
        host.submit(view_of(float(n), Prank.DIE))
    answers = host.collect(3.0)
    assert [answer.t_s for answer in answers if isinstance(answer, Lost)] == [0.0, 1.0, 2.0, 3.0]
    state, reason = host.state
    assert state is FeedState.OFF
    assert reason == "landmark engine lost 5 times in 10 min (last: signal 9), stays off"
    assert len(hosts.lives()) == host.counts.losses == 5


def test_losses_far_apart_do_not_add_up(hosts: Hosts) -> None:
    host = hosts()
    for n in range(4):
        host.submit(view_of(n * 400.0, Prank.DIE))
    host.collect(1200.0)
    assert host.counts.losses == 8
    assert host.state[0] is not FeedState.OFF


def test_an_engine_that_does_not_come_back_is_off(hosts: Hosts) -> None:
    host = hosts(Start.DIE_LATER, live=True)
    host.wait_ready()
    host.submit(view_of(0.0, Prank.DIE))
    assert eventually(lambda: host.state[0] is FeedState.OFF, SOON_S)
    assert "5 times" in host.state[1]
    assert "signal 11" in host.state[1]


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        (Start.REFUSE, "the made-up package is missing: pip install it"),
        (Start.DIE, r"landmark engine could not be loaded \(signal 11\): fetch the models again"),
    ],
)
def test_an_engine_that_cannot_load_is_off_and_says_why(hosts: Hosts, begin: Start, reason: str) -> None:
    host = hosts(begin)
    with pytest.raises(ModelUnavailable, match=f"^{reason}$"):
        host.wait_ready()
    host.submit(view_of(0.0))
    answers = host.collect(0.0)
    assert kinds(answers) == [FeedState.OFF, ("lost", 0.0)]
    assert len(hosts.lives()) == 1


def test_a_cut_is_not_missed_when_its_view_is_dropped(hosts: Hosts, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    host = hosts(Start.GATED, live=True)
    for n in range(3):
        host.submit(dataclasses.replace(view_of(float(n)), fresh=n == 1))
    (tmp_path / "gate").write_bytes(b".")
    assert eventually(lambda: host.counts.answered == 1)
    host.submit(view_of(3.0))
    assert eventually(lambda: host.counts.answered == 2)
    told = [(body.t_s, body.fresh) for body in host.collect(0.0) if isinstance(body, Body)]
    assert told == [(2.0, True), (3.0, False)]


def test_a_cut_is_not_missed_when_the_engine_is_lost_at_it(hosts: Hosts) -> None:
    host = hosts()
    for n, (prank, fresh) in enumerate(
        ((Prank.NONE, True), (Prank.DIE, True), (Prank.NONE, False), (Prank.NONE, False))
    ):
        host.submit(dataclasses.replace(view_of(float(n), prank), fresh=fresh))
    told = [(body.t_s, body.fresh) for body in host.collect(3.0) if isinstance(body, Body)]
    assert told == [(0.0, True), (2.0, True), (3.0, False)]


def test_a_program_that_does_not_exist_is_an_engine_that_is_off() -> None:
    host = EngineHost(lambda: start(("/nonexistent/python",)), live=True)
    with pytest.raises(ModelUnavailable, match="cannot be started"):
        host.wait_ready()
    host.close()


def test_a_slow_start_is_waited_for_and_no_longer_than_told(hosts: Hosts, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    host = hosts(Start.GATED)
    with pytest.raises(ModelUnavailable, match=r"has not loaded in 0\.05 s"):
        host.wait_ready(0.05)
    (tmp_path / "gate").write_bytes(b".")
    host.wait_ready()


def test_a_load_without_end_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    host = EngineHost(spawner_of(tmp_path, Start.GATED), live=True, load_s=0.3)
    with pytest.raises(ModelUnavailable, match="no answer in time"):
        host.wait_ready()
    host.close()


@pytest.mark.parametrize("begin", [Start.AT_ONCE, Start.GATED])
def test_closing_leaves_no_process_no_thread_and_no_descriptor(hosts: Hosts, tmp_path: Path, begin: Start) -> None:
    os.mkfifo(tmp_path / "gate")
    us = psutil.Process()
    before = us.num_fds(), threading.active_count(), len(us.children())
    host = hosts(begin)
    if begin is Start.AT_ONCE:
        host.wait_ready()
        host.submit(view_of(0.0, Prank.HANG))
    began_s = monotonic_s()
    host.close()
    host.close()
    assert monotonic_s() - began_s < 2.0
    assert (us.num_fds(), threading.active_count(), len(us.children())) == before
    assert host.state == (FeedState.OFF, "closed")
    host.submit(view_of(1.0))
    assert host.collect(float("inf")) == []


def test_a_process_whose_host_closes_the_pipe_ends_by_itself(tmp_path: Path) -> None:
    process = spawner_of(tmp_path)()
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.read(9)[:4] == b"EMNL"
    process.stdin.close()
    assert process.wait(10.0) == 0
    process.stdout.close()
    assert (tmp_path / "ended").exists()


def test_an_absurd_view_is_the_callers_error(hosts: Hosts) -> None:
    host = hosts()
    with pytest.raises(WireError):
        host.submit(view_of(float("nan")))
    assert host.counts.asked == 0


def test_answers_that_nobody_collects_are_not_kept_without_bound(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "UNCOLLECTED", 3)
    host = hosts()
    for n in range(3):
        host.submit(view_of(float(n)))
    with pytest.raises(RuntimeError, match="none collected"):
        host.submit(view_of(3.0))


def test_the_process_finds_this_products_packages_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams" / "__init__.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    process = spawner_of(tmp_path)()
    with process:
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0
