"""The settings' own rules, and the page and flat list that are derived from their types."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.keys import keys, sections
from configs.model_settings import MllmSettings
from configs.reference import markdown
from configs.settings import (
    EstimateSettings,
    FaceSettings,
    HorizonSettings,
    Settings,
    VoiceSettings,
    WindowSettings,
)

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[1]


def test_the_defaults_are_valid_and_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.seed = 1


def test_a_face_may_not_continue_at_a_score_it_could_not_start_with() -> None:
    with pytest.raises(ValidationError, match="must not be above start_score"):
        FaceSettings(start_score=0.3, continue_score=0.4)


@pytest.mark.parametrize("band", [(0.9, 0.5), (0.5, 0.5), (0.2, 0.6), (0.5, 1.2)])
def test_the_coefficient_is_drawn_from_a_rising_range_within_bounds(band: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="must rise within"):
        VoiceSettings(coefficient_range=band)


@pytest.mark.parametrize("band", [(0.6, 0.4), (0.5, 0.5), (-0.1, 0.6), (0.4, 1.1)])
def test_the_uncertain_band_rises_within_the_probabilities(band: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="must rise within"):
        EstimateSettings(uncertain_band=band)


def test_a_local_window_cannot_be_longer_than_what_is_kept_in_full() -> None:
    with pytest.raises(ValidationError, match=r"needs horizon\.dense_s"):
        Settings(windows=WindowSettings(local_s=60.0), horizon=HorizonSettings(dense_s=40.0))


def test_infinity_is_no_setting() -> None:
    with pytest.raises(ValidationError):
        WindowSettings(deadline_s=float("inf"))


def test_local_windows_can_be_switched_off() -> None:
    assert WindowSettings(local_every_s=0.0).local_every_s == 0.0


def test_every_key_has_a_meaning_and_says_what_is_allowed() -> None:
    for section in sections():
        assert section.meaning
        for key in section.keys:
            assert key.meaning.endswith("."), key.name
            assert key.allowed


def test_the_flat_list_names_every_setting_once() -> None:
    def flat(node: dict[str, object], prefix: str = "") -> set[str]:
        inner = [flat(value, f"{prefix}{name}.") for name, value in node.items() if isinstance(value, dict)]
        return {f"{prefix}{name}" for name, value in node.items() if not isinstance(value, dict)}.union(*inner)

    assert set(keys()) == flat(Settings().model_dump())


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("faces.start_score", "a number from 0 to 1"),
        ("faces.mask", "one of solid, soft, mosaic, gaussian"),
        ("voice.pause_s", "a number above 0"),
        ("voice.coefficient", "a number from 0.3 to 1, or null"),
        ("voice.coefficient_range", "2 numbers, [low, high]"),
        ("horizon.max_mbytes", "a whole number of at least 8"),
        ("horizon.frame_rate_hz", "a number above 0 and at most 60"),
        ("nfbl.source", "text"),
        ("seed", "a whole number, or null"),
        ("outputs.mqtt.tls.enabled", "true or false"),
        ("outputs.webhook.kinds", "a list of any of verdict, estimate, nfbl, state"),
    ],
)
def test_what_is_allowed_is_said_in_plain_words(key: str, allowed: str) -> None:
    assert keys()[key].allowed == allowed


def test_the_committed_reference_is_the_generated_one() -> None:
    committed = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == markdown(), "run: python -m configs.reference > docs/configuration.md"


def test_servers_that_may_take_longer_than_a_window_allows_are_refused() -> None:
    slow = MllmSettings(url="http://localhost:8000/v1", timeout_s=120.0)
    with pytest.raises(ValidationError, match=r"need windows.deadline_s of at least 130, not 40"):
        Settings(mllm=slow)
    assert Settings(mllm=slow, windows=WindowSettings(deadline_s=130.0)).windows.deadline_s == 130.0
    assert Settings(windows=WindowSettings(deadline_s=5.0)).windows.deadline_s == 5.0
