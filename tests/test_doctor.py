"""What single checks make of what they find, and how checks are shown."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from buffers.records import Track
from configs.settings import Settings
from monitor.doctor import files, machine, models, packages
from monitor.doctor.check import Check, Findings, Status
from monitor.doctor.examine import failed
from monitor.doctor.private import private, private_check
from monitor.doctor.probe import Asked
from monitor.doctor.program import install_kind
from monitor.doctor.requirements import by_extra, parse
from monitor.doctor.show import as_json, lines
from monitor.doctor.source import described
from monitor.doctor.terminal import terminal
from streams.models.cache import FOLDER_VARIABLE
from streams.sources.firstlook import SeenTrack

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("requirement", "version", "allowed"),
    [
        ("av<19,>=18.1", "18.1.0", True),
        ("av<19,>=18.1", "18.0.9", False),
        ("av<19,>=18.1", "19.0.0rc1", False),
        ("opencv-contrib-python<6,>=5.0.0.93", "5.0.0.93", True),
        ("dlib-bin<21,>=20.0.1; extra == 'dlib'", "20.0.1.post1", True),
        ("torch<3,>=2.13; extra == 'models'", "2.13.0+cpu", True),
        ("thing", "0", True),
        ("thing!=1.2", "1.2.0", False),
        ("thing==1.2", "1.2.0", True),
    ],
)
def test_versions_are_compared_by_their_numbers(requirement: str, version: str, allowed: bool) -> None:
    assert parse(requirement).allows(version) is allowed


@pytest.mark.parametrize("text", ["", ">=2", "av ~= 18", "av >= "])
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no requirement|not understood"):
        parse(text)


def test_an_extra_has_what_the_extras_it_names_have() -> None:
    groups = by_extra(["base>1", "ours[b]; extra=='a'", "one; extra=='a'", "two>=2; extra=='b'"], "ours")
    assert {extra: [each.name for each in found] for extra, found in groups.items()} == {
        None: ["base"],
        "a": ["one", "two"],
        "b": ["two"],
    }


def test_every_requirement_of_the_project_is_understood_and_told() -> None:
    assert {parse(text).name for text in PROJECT["dependencies"]} == set(packages.MODULES)
    extras = PROJECT["optional-dependencies"]
    assert set(extras) - {"all", "dev"} == set(packages.EXTRAS)
    for texts in extras.values():
        for text in texts:
            parse(text)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (None, "package index"),
        ('{"url": "file:///work/here", "dir_info": {"editable": true}}', "editable, /work/here"),
        ('{"url": "file:///work/here", "dir_info": {}}', "folder"),
        ('{"url": "file:///a.whl", "archive_info": {}}', "wheel"),
        ('{"url": "https://x/y.git", "vcs_info": {"vcs": "git"}}', "version control"),
    ],
)
def test_the_kind_of_installation_is_told(told: str | None, kind: str) -> None:
    assert kind in install_kind(told)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in /home/anna/.cache/x", "in ~/.cache/x"),
        ("/home/anna", "~"),
        ("/home/annabel/x, '/Users/bob/y'", "~/x, '~/y'"),
        ("/srv/home/anna/x", "/srv/home/anna/x"),
        ("http://anna:pw@host:1/v1", "http://host:1/v1"),
        ("rtsp://h/a?token=abc&x=1 failed", "rtsp://h/a failed"),
        ("is it http://h/v1?", "is it http://h/v1?"),
    ],
)
def test_no_home_and_no_secret_is_shown(text: str, shown: str) -> None:
    assert private(text, "/home/anna") == shown


def test_a_home_that_is_the_root_hides_nothing_else() -> None:
    assert private("/etc/x", "/") == "/etc/x"
    assert private("/rootfs/x and /root/y", "/root") == "/rootfs/x and ~/y"


def test_a_remedy_keeps_its_address() -> None:
    remedy = "ffmpeg 'tcp://127.0.0.1:9000?listen=1'"
    assert private_check(Findings("a").skip("b", "tcp://h?listen=1", remedy)) == Check(
        "a", "b", Status.SKIP, "tcp://h", remedy
    )


def test_only_a_failure_fails() -> None:
    findings = Findings("a")
    fine = [findings.ok("b", "c"), findings.warn("b", "c"), findings.skip("b", "c")]
    assert not failed(fine)
    assert failed([*fine, findings.fail("b", "c")])


def test_checks_stand_under_their_section_with_the_remedy_below() -> None:
    checks = [
        Findings("first").ok("thing", "here"),
        Findings("first").fail("other", "not here", "get it"),
        Findings("second").skip("third", "not set"),
    ]
    assert [line.plain for line in lines(checks, ascii_only=True)] == [
        "first",
        "  ok     thing                   here",
        "  fail   other                   not here",
        "         -> get it",
        "second",
        "  -      third                   not set",
        "1 ok, 0 warn, 1 fail, 1 not set or not there",
    ]


def test_a_narrow_terminal_breaks_what_was_found_and_never_the_command() -> None:
    remedy = "pip install " + "x" * 60
    *_, first, second, below, _ = (
        line.plain for line in lines([Findings("a").warn("b", "word " * 20, remedy)], width=60) for line in line.split()
    )
    assert len(first) <= 60
    assert second.startswith("         word")
    assert below.endswith(remedy)


def test_what_others_named_cannot_move_the_cursor() -> None:
    (_, line, _) = lines([Findings("a").ok("b", "evil\x1b[2J\nname é")], ascii_only=True)
    assert line.plain.endswith("evil?[2J name ?")


def test_json_is_a_list_of_objects() -> None:
    check = Findings("a").warn("b", "c", "d")
    assert json.loads(as_json([check])) == [
        {"section": "a", "name": "b", "status": "warn", "found": "c", "remedy": "d"}
    ]


@pytest.mark.parametrize(
    ("ended_at", "spent_s", "finest_s", "status", "says"),
    [
        ("2026-05-01T10:00:08.000Z", 8.0, 1e-7, Status.OK, "2026-05-01 10:00"),
        ("2026-05-01T10:00:11.000Z", 8.0, 1e-7, Status.WARN, "+3.0 s"),
        ("2026-05-01T09:00:08.000Z", 8.0, 1e-7, Status.WARN, "-3600.0 s"),
        ("1970-01-01T00:00:08.000Z", 8.0, 1e-7, Status.WARN, "never set"),
        ("2026-05-01T10:00:08.000Z", 8.0, 0.016, Status.WARN, "too coarse"),
    ],
)
def test_clocks_are_judged_by_two_looks(
    ended_at: str, spent_s: float, finest_s: float, status: Status, says: str
) -> None:
    check = machine.clock("2026-05-01T10:00:00.000Z", ended_at, spent_s, finest_s)
    assert check.status is status
    assert says in check.found


def test_the_monotonic_clock_has_a_finest_step() -> None:
    assert 0.0 < machine.resolution_s() < 0.1


def test_a_folder_that_is_not_there_is_judged_by_what_it_will_be_made_in(tmp_path: Path) -> None:
    assert machine.room("journals", tmp_path / "a" / "b", "elsewhere").status is Status.OK
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_fails_with_the_way_round() -> None:
    check = machine.room("journals", Path("/proc/nothing/here"), "--journal PATH")
    assert check.status is Status.FAIL
    assert check.remedy == "--journal PATH"


def test_little_room_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "LEAST_DISK_BYTES", 1 << 62)
    assert machine.room("models", tmp_path, "x").status is Status.WARN


class Screen(io.TextIOWrapper):
    """A terminal of some encoding."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("encoding", "environ", "size", "status"),
    [
        ("utf-8", {"TERM": "xterm-256color"}, (120, 40), Status.OK),
        ("utf-8", {"TERM": "xterm", "NO_COLOR": "1"}, (40, 40), Status.WARN),
        ("utf-8", {"TERM": "dumb"}, (120, 40), Status.WARN),
        ("utf-8", {}, (120, 40), Status.WARN),
        ("ascii", {"TERM": "linux"}, (120, 40), Status.WARN),
    ],
)
def test_a_terminal_is_judged_by_what_the_dashboard_needs(
    encoding: str, environ: dict[str, str], size: tuple[int, int], status: Status
) -> None:
    assert terminal(Screen(io.BytesIO(), encoding), environ, size).status is status


def test_a_pipe_is_no_fault() -> None:
    assert terminal(io.TextIOWrapper(io.BytesIO(), "utf-8"), {}, (80, 24)).status is Status.SKIP


def test_without_model_files_what_every_session_needs_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    asked = Asked(Settings())
    (probe,) = (probe for probe in files.SECTION.probes if probe.name == "files")
    found = {check.name: check for check in probe.run(asked)}
    assert {name: check.status for name, check in found.items()} == {
        "core": Status.FAIL,
        "paper": Status.SKIP,
        "landmarks": Status.WARN,
        "audit": Status.SKIP,
        "demo": Status.SKIP,
    }
    assert found["core"].remedy == "emotion-monitor models fetch core"
    (tmp_path / "centerface.onnx").write_bytes(b"cut short")
    found = {check.name: check for check in probe.run(asked)}
    assert found["core"].status is Status.FAIL
    assert "SHA-256" in found["core"].found


def test_servers_that_are_not_set_are_not_asked() -> None:
    for name in ("server (mllm)", "server (llm)"):
        (probe,) = (probe for probe in models.SECTION.probes if probe.name == name)
        assert [check.status for check in probe.run(Asked(Settings()))] == [Status.SKIP]


@pytest.mark.parametrize(
    ("cards", "describer", "status", "says"),
    [
        ([("H200", 150 * 2**30)], "auto", Status.OK, "H200 (150 GiB)"),
        ([], "auto", Status.SKIP, "no GPU needed"),
        ([], "video_llama", Status.WARN, "minutes for a window"),
    ],
)
def test_a_gpu_is_missed_only_where_a_model_would_run_on_it(
    cards: list[tuple[str, int]], describer: str, status: Status, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = [SimpleNamespace(name=name, total_memory=size) for name, size in cards]
    torch = SimpleNamespace(
        __version__="2.13.0",
        version=SimpleNamespace(cuda="13.0"),
        cuda=SimpleNamespace(
            is_available=lambda: bool(cards),
            device_count=lambda: len(cards),
            get_device_properties=properties.__getitem__,
        ),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(models, "find_spec", lambda name: name)
    (probe,) = (probe for probe in models.SECTION.probes if probe.name == "GPU")
    settings = Settings.model_validate({"describer": describer, "video_llama": {"folder": "x"}})
    (check,) = probe.run(Asked(settings))
    assert check.status is status
    assert says in check.found


def test_without_torch_nobody_needs_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    (probe,) = (probe for probe in models.SECTION.probes if probe.name == "GPU")
    assert [check.status for check in probe.run(Asked(Settings()))] == [Status.SKIP]


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (
            SeenTrack(Track.VIDEO, "h264", 30.0, (1280, 720), 31, 0.25, 1.0, 2.0),
            "h264, 1280x720, 30.0 a second; first after 0.25 s",
        ),
        (
            SeenTrack(Track.VIDEO, "vp8", 25.0, (640, 360), 1, 0.5),
            "vp8, 640x360, 25.0 a second; first after 0.50 s",
        ),
        (SeenTrack(Track.AUDIO, "aac", 48000.0, items=9, first_s=0.1), "aac, 48000 Hz; first after 0.10 s"),
    ],
)
def test_a_track_is_told_as_it_came(seen: SeenTrack, says: str) -> None:
    assert described(seen) == says
