"""The recordings that benchmarks run on: real ones where the shared media folder is there, else a synthetic one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from streams.models.cache import model_path
from streams.synthetic import make_interview

SHARED = Path(os.environ.get("EMOTION_MONITOR_SHARED", Path(__file__).resolve().parents[2] / "shared"))

REAL = ("facerec_short_hamilton_clip.mp4", "liveportrait_s18.mp4", "sadtalker_WDA_AOC_000.mp4")
"""640x360 with a crowd and a hard shot, 1280x720 with one still person, 1024x1024 with one who talks."""


def clips() -> list[Path]:
    """The real clips, or a synthetic interview made now in a temporary folder (it is left there)."""
    found = [path for name in REAL if (path := SHARED / "media" / "video" / name).is_file()]
    if found:
        return found
    folder = Path(tempfile.mkdtemp(prefix="emotion-monitor-bench-"))
    return [make_interview(folder, portrait=model_path("portrait"), seconds=20.0).video]
