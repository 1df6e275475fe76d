"""Shared fixtures: where real media and golden outputs live, and the rule that every test names its category."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from configs.errors import ModelUnavailable
from streams.models.cache import model_path
from streams.synthetic import Interview, make_interview

# A deadline for one example would measure the machine, not the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

CATEGORIES = {"unit", "media", "model", "broker", "browser", "soak"}
SHARED = Path(os.environ.get("EMOTION_MONITOR_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests without a category marker, so that `-m unit` means what it says."""
    for item in items:
        if not CATEGORIES & {mark.name for mark in item.iter_markers()}:
            msg = f"{item.nodeid} has no category: mark it with one of {sorted(CATEGORIES)}"
            raise pytest.UsageError(msg)


def _folder(name: str) -> Path:
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"{path} is absent: set EMOTION_MONITOR_SHARED to the folder that holds {name}/")
    return path


@pytest.fixture(autouse=True)
def _watch_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each landmark engine is a process that loads for two seconds: tests that mean it set `nfbl.source` to `live`."""
    monkeypatch.setenv("EMOTION_MONITOR__NFBL__SOURCE", "off")


@pytest.fixture(scope="session")
def media_dir() -> Path:
    """The folder of real clips, faces and speech (skips where absent)."""
    return _folder("media")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """The folder of recorded outputs of reference implementations (skips where absent)."""
    return _folder("golden")


@pytest.fixture(scope="session")
def models() -> None:
    """The small perception models (skips where they have not been fetched)."""
    try:
        for name in ("centerface", "silero-vad", "portrait"):
            model_path(name)
    except ModelUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def interview(models: None, tmp_path_factory: pytest.TempPathFactory) -> Interview:
    """A made-up interview of 16 s: a face that real detectors find, speech-like sound, an NFBL feed.

    12 frames a second: many tests play it whole, and what they look at does not need more.
    """
    folder = tmp_path_factory.mktemp("interview")
    return make_interview(folder, portrait=model_path("portrait"), seconds=16.0, rate_hz=12)
