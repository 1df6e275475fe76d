"""Probes in a process of their own: whatever they do there is one line, and the others are asked all the same."""

from __future__ import annotations

import threading

import pytest

from configs.load import load_settings
from configs.settings import Settings
from monitor.doctor.check import Check, Findings, Status
from monitor.doctor.child import packed, packed_checks, unpacked, unpacked_checks
from monitor.doctor.guard import GivenUp, examined
from monitor.doctor.probe import Asked, Probe, Section, answer
from tests import made_probes

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def checks() -> dict[str, Check]:
    """What becomes of every made probe, by name; the last one is asked after all the others."""
    settings = load_settings(None, ["faces.detector=mmod"], {}).settings
    probes, found = made_probes.SECTION.probes, list(examined(made_probes.SECTION, Asked(settings)))
    return {probe.name: check for probe, check in zip(probes, found, strict=True)}


def test_a_probe_is_told_the_settings_in_force(checks: dict[str, Check]) -> None:
    assert checks["fine"] == Check("made", "fine", Status.OK, "mmod")


def test_what_a_library_prints_is_not_taken_for_an_answer(checks: dict[str, Check]) -> None:
    assert checks["loud"].found == "said"


def test_a_crash_is_a_failure_that_names_the_signal(checks: dict[str, Check]) -> None:
    assert checks["crash"] == Check("made", "crash", Status.FAIL, "crashed (SIGSEGV)", "mend it")


def test_what_a_session_can_do_without_only_warns(checks: dict[str, Check]) -> None:
    assert checks["leave"].status is Status.WARN
    assert "code 3" in checks["leave"].found


def test_a_hang_ends_with_its_limit(checks: dict[str, Check]) -> None:
    assert checks["hang"] == Check("made", "hang", Status.FAIL, "no answer within 0.5 s", "wake it")


def test_our_own_errors_and_others_are_one_line(checks: dict[str, Check]) -> None:
    assert checks["refuse"].found == "model x is missing: fetch it"
    assert checks["break"].found == "ZeroDivisionError: one half"


def test_after_crashes_and_hangs_the_rest_is_still_asked(checks: dict[str, Check]) -> None:
    assert checks["last"].status is Status.OK


def test_whoever_gives_up_need_not_wait() -> None:
    given_up = threading.Event()
    given_up.set()
    hanging = Section("made", made_probes.__name__, made_probes.SECTION.probes)
    with pytest.raises(GivenUp):
        list(examined(hanging, Asked(Settings()), given_up=given_up))


def test_what_is_asked_and_answered_survives_the_pipe() -> None:
    settings = load_settings("paper", ["mllm.url=http://user:secret@host/v1"], {}).settings
    asked = Asked(settings, "paper", "a fault", "mic:default", 12.5, "2026-01-01T00:00:00Z")
    assert unpacked(packed(asked)) == asked
    checks = [Findings("one").warn("two", "three", "four"), Findings("one").skip("five", "six")]
    assert unpacked_checks(packed_checks(checks)) == checks
    assert "\n" not in packed_checks([Findings("one").ok("two", "li\nnes")])


def test_a_probe_asked_here_fails_as_one_asked_elsewhere() -> None:
    def broken(_: Asked) -> list[Check]:
        raise LookupError("nothing there")

    probe = Probe("thing", broken, remedy="look again")
    section = Section("here", __name__, (probe,))
    assert answer(section, probe, Asked(Settings())) == [
        Check("here", "thing", Status.FAIL, "LookupError: nothing there", "look again")
    ]
