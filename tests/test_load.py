"""Settings from profile, environment and options: who wins, where a value came from, and what is refused how."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.keys import keys
from configs.load import PROFILES, changes, load_settings, settings_digest, show
from configs.settings import MaskStyle, Settings
from configs.yamlfile import MAX_BYTES, parse_value, read_entries

pytestmark = pytest.mark.unit


def profile(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(profile: str | Path | None = None, *options: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(profile, options, environ)
    message = str(caught.value)
    assert len(message.splitlines()) == 1, message
    assert "pydantic" not in message
    return message


def test_nothing_given_gives_the_defaults() -> None:
    loaded = load_settings(None, (), {})
    assert loaded.settings == Settings()
    assert loaded.profile == "default"
    assert set(loaded.origins.values()) == {"default"}
    assert set(loaded.origins) == set(keys())


def test_each_place_wins_over_the_one_before_it(tmp_path: Path) -> None:
    path = profile(tmp_path, "faces:\n  mask: soft\n  hold_s: 1\n  grow_up: 0.4\n")
    environ = {"EMOTION_MONITOR__FACES__HOLD_S": "2", "EMOTION_MONITOR__FACES__GROW_UP": "0.5"}
    loaded = load_settings(path, ["faces.grow_up=0.6"], environ)
    faces = loaded.settings.faces
    assert (faces.mask, faces.hold_s, faces.grow_up) == (MaskStyle.SOFT, 2.0, 0.6)
    assert loaded.origins["faces.mask"] == f"{path}:2"
    assert loaded.origins["faces.hold_s"] == "environment EMOTION_MONITOR__FACES__HOLD_S"
    assert loaded.origins["faces.grow_up"] == "--set"
    assert loaded.origins["faces.grow_down"] == "default"


def test_of_two_options_for_one_key_the_later_counts() -> None:
    assert load_settings(None, ["seed=1", "seed=2"], {}).settings.seed == 2


def test_a_shipped_profile_is_named_with_file_and_line() -> None:
    loaded = load_settings("interview", (), {})
    file, line = loaded.origins["horizon.dense_s"].split(":")
    assert loaded.profile == "interview"
    assert file == "interview.yaml"
    assert int(line) > 1


@pytest.mark.parametrize("name", PROFILES)
def test_every_shipped_profile_loads_and_gives_only_what_differs(name: str) -> None:
    loaded = load_settings(name, (), {})
    given_keys = {key for key, origin in loaded.origins.items() if origin != "default"}
    same = {key for key in given_keys if key not in changes(name)}
    assert same <= {"windows.frames"}, "a profile repeats a default (the paper's 32 frames may be named)"


def test_the_paper_profile_is_the_paper() -> None:
    settings = load_settings("paper", (), {}).settings
    assert (settings.faces.detector, settings.faces.mask) == ("mmod", "gaussian")
    assert (settings.voice.mode, settings.voice.coefficient) == ("reference", 0.8)
    assert settings.nfbl.source == "off"
    assert settings.windows.frames == 32
    assert settings.windows.clips == settings.horizon.session_clips == 512
    assert settings.windows.local_every_s == settings.windows.global_every_s == 0.0


def test_a_profile_extends_another_and_keeps_its_lines(tmp_path: Path) -> None:
    profile(tmp_path, "extends: interview\nwindows:\n  frames: 8\n  clips: 4\n", "base.yaml")
    top = profile(tmp_path, "windows:\n  frames: 6\nextends: base.yaml\n")
    loaded = load_settings(top, (), {})
    assert (loaded.settings.windows.frames, loaded.settings.windows.clips) == (6, 4)
    assert loaded.settings.horizon.dense_s == 300.0
    assert loaded.origins["windows.frames"] == f"{top}:2"
    assert loaded.origins["windows.clips"] == "base.yaml:4"
    assert loaded.origins["horizon.dense_s"].startswith("interview.yaml:")


def test_a_profile_that_extends_itself_is_refused(tmp_path: Path) -> None:
    profile(tmp_path, "extends: b.yaml\n", "a.yaml")
    profile(tmp_path, "extends: a.yaml\n", "b.yaml")
    assert "extends itself" in refusal(tmp_path / "a.yaml")


def test_a_wrong_base_is_named_with_the_line_that_asks_for_it(tmp_path: Path) -> None:
    message = refusal(profile(tmp_path, "\nextends: papr\n"))
    assert "mine.yaml:2: profile papr is unknown" in message
    assert "did you mean paper?" in message
    assert "mine.yaml:1: extends is 3" in refusal(profile(tmp_path, "extends: 3\n"))


def test_a_section_whose_keys_are_all_comments_says_nothing(tmp_path: Path) -> None:
    path = profile(tmp_path, "# mine\nfaces:\n#  mask: soft\nvoice: {}\n")
    assert load_settings(path, (), {}).settings == Settings()


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_settings(profile(tmp_path, ""), (), {}).settings == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faces:\n  mask: gaussia\n", 'mine.yaml:2: faces.mask is "gaussia", must be one of solid, soft, mosaic'),
        ("faces:\n  mask: gaussia\n", "did you mean gaussian?"),
        ("faces:\n  start_score: 1.5\n", "mine.yaml:2: faces.start_score is 1.5, must be a number from 0 to 1"),
        ("faces:\n  start_score: high\n", 'faces.start_score is "high", must be a number'),
        ("windows:\n  frames: 2.5\n", "windows.frames is 2.5, must be a whole number from 1 to 512"),
        ("windows:\n  frames: true\n", "windows.frames is true, must be a whole number"),
        ("windows:\n  deadline_s: 1e999\n", "windows.deadline_s is Infinity, must be a number above 0"),
        ("nfbl:\n  source: 12\n", "nfbl.source is 12, must be text; quote it"),
        ("voice:\n  coefficient_range: [1, 2, 3]\n", "must be 2 numbers, [low, high]"),
        ("voice:\n  coefficient_range: [true, 0.9]\n", "must be 2 numbers, [low, high]"),
        ("faces:\n  masc: solid\n", "mine.yaml:2: unknown key faces.masc; did you mean faces.mask?"),
        ("mask: solid\n", "mine.yaml:1: unknown key mask; did you mean faces.mask?"),
        ("facess:\n  mask: solid\n", "unknown key facess.mask; did you mean faces.mask?"),
        ("zzzzz: 1\n", "unknown key zzzzz; `config show` lists all keys"),
        ("faces: 3\n", "faces is a section, not a value; its keys are detector"),
        ("seed:\n  a: 1\n", "unknown key seed.a"),
        ("faces:\n  mask: solid\n  mask: soft\n", "mine.yaml:3: faces.mask is given twice, first in line 2"),
        ("faces:\n  mask: solid\nfaces:\n  hold_s: 1\n", "mine.yaml:3: faces is given twice, first in line 1"),
        ("faces: &f\n  mask: soft\n", "mine.yaml:1: anchors and aliases are not allowed"),
        ("faces: *f\n", "anchors and aliases are not allowed"),
        ("seed: !!python/object/apply:os.getpid []\n", "mine.yaml:1: only plain values are allowed"),
        ("seed: " + "[" * 50 + "]" * 50, "nested deeper than 8 levels"),
        ("seed: " + "9" * 5000, "the number is too long"),
        ("- a\n- b\n", "mine.yaml:1: must hold keys and values"),
        ("? [a]\n: 1\n", "a key must be plain text"),
        ("seed: [1\n", "mine.yaml:2: "),
        ("seed: 1\n---\nseed: 2\n", "mine.yaml:2: "),
        ('"se\\ned": 1\n', "unknown key 'se\\ned'"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(profile(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faces:\n  continue_score: 0.9\n", ":2: faces: continue_score 0.9 must not be above start_score 0.5"),
        ("horizon:\n  dense_s: 20\n", ":2: windows.local_s 32 needs horizon.dense_s of at least as much, not 20"),
    ],
)
def test_a_contradiction_is_put_at_the_value_that_made_it(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(profile(tmp_path, text))


def test_a_contradiction_between_places_names_the_stronger_one(tmp_path: Path) -> None:
    path = profile(tmp_path, "faces:\n  start_score: 0.2\n")
    assert refusal(path, "faces.continue_score=0.3").startswith("--set faces.continue_score=0.3: ")


def test_the_environment_is_named_when_it_is_wrong() -> None:
    message = refusal(None, EMOTION_MONITOR__FACES__MASK="mosiac")
    assert message.startswith("environment EMOTION_MONITOR__FACES__MASK: faces.mask")
    assert message.endswith("did you mean mosaic?")
    assert "unknown key faces.colour" in refusal(None, EMOTION_MONITOR__FACES__COLOUR="red")


def test_other_variables_are_left_alone() -> None:
    environ = {"EMOTION_MONITOR_SHARED": "/x", "HOME": "/y", "emotion_monitor__seed": "1"}
    assert load_settings(None, (), environ).settings == Settings()


@pytest.mark.parametrize("option", ["", "seed", "=1", "faces.mask"])
def test_an_option_must_be_key_and_value(option: str) -> None:
    assert "must be key=value" in refusal(None, option)


def test_an_option_may_hold_what_yaml_may_hold() -> None:
    loaded = load_settings(None, ["voice.coefficient_range=[0.6, 0.8]", "voice.coefficient=null", "seed="], {})
    assert loaded.settings.voice.coefficient_range == (0.6, 0.8)
    assert loaded.settings.voice.coefficient is None
    assert loaded.settings.seed is None


def test_off_is_a_word_and_not_false() -> None:
    assert load_settings(None, ["nfbl.source=off"], {}).settings.nfbl.source == "off"


def test_an_unknown_profile_lists_the_known_ones() -> None:
    message = refusal("intervew")
    assert "default, interview, low-power, offline, paper" in message
    assert "did you mean interview?" in message


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(tmp_path / "absent.yaml")
    assert "cannot be read" in refusal(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"seed: 1 # \xe9\n")
    assert "is not UTF-8 text (byte 10)" in refusal(tmp_path / "latin.yaml")
    (tmp_path / "nul.yaml").write_bytes(b"seed: \x00\n")
    assert "a character that text may not have" in refusal(tmp_path / "nul.yaml")


def test_a_file_above_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    assert f"may have at most {MAX_BYTES}" in refusal(tmp_path / "big.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("010", 10),
        ("-.5", -0.5),
        ("1:30", "1:30"),
        ("no", "no"),
        ("2020-01-01", "2020-01-01"),
        ("'5'", "5"),
        ("~", None),
        ("", None),
        ("True", True),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert parse_value(text, "here") == value


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_one_line_of_refusal(text: str) -> None:
    assert_refusal_is_one_line(lambda: parse_value(text, "here"))


@given(st.binary(max_size=200))
def test_any_bytes_are_entries_or_one_line_of_refusal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    assert_refusal_is_one_line(lambda: read_entries(path, "any.yaml"))


def assert_refusal_is_one_line(read: Callable[[], object]) -> None:
    message = ""
    try:
        read()
    except ConfigError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


def test_show_lists_every_key_with_value_and_origin_in_columns() -> None:
    text = show(load_settings("paper", ["seed=7"], {}))
    head, *lines = text.splitlines()
    assert head == "profile: paper"
    assert [line.split()[0] for line in lines] == list(keys())
    assert len({line.index(line.split()[-1]) for line in lines if line.endswith("default")}) == 1
    assert any(line.split() == ["seed", "7", "--set"] for line in lines)
    assert any(line.split()[:2] == ["voice.coefficient", "0.8"] for line in lines)


def test_equal_settings_have_one_digest_however_they_were_given(tmp_path: Path) -> None:
    file = load_settings(profile(tmp_path, "faces:\n  hold_s: 1\n"), (), {}).settings
    option = load_settings(None, ["faces.hold_s=1.0"], {}).settings
    assert settings_digest(file) == settings_digest(option) != settings_digest(Settings())
    assert len(settings_digest(file)) == hashlib.sha256().digest_size * 2


def test_what_was_loaded_cannot_be_changed() -> None:
    loaded = load_settings(None, (), {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.profile = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        loaded.origins["seed"] = "me"  # type: ignore[index]
