"""The perception model files, and whether the engine that watches for body language starts with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from configs.errors import ModelUnavailable
from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section
from streams.clock import monotonic_s
from streams.models.cache import FileStatus, cache_folder, status
from streams.models.catalogue import Group, entries

_GIVES: Final = {
    Group.CORE: "every session",
    Group.LANDMARKS: "body language",
    Group.PAPER: "the paper's detector",
    Group.AUDIT: "audits",
    Group.DEMO: "the demo",
}

_findings = Findings("model files")


def _folder(_: Asked) -> Iterator[Check]:
    folder = cache_folder()
    if folder.is_dir():
        yield _findings.ok("folder", str(folder))
    else:
        yield _findings.warn("folder", f"{folder} is not there yet", "emotion-monitor models fetch")


def _files(asked: Asked) -> Iterator[Check]:
    for group in Group:
        mine = [entry for entry in entries() if group in entry.groups]
        states = {entry.name: status(entry) for entry in mine}
        wrong = [name for name, state in states.items() if state is FileStatus.WRONG]
        missing = [name for name, state in states.items() if state is FileStatus.MISSING]
        gives = _GIVES.get(group, str(group))
        if wrong:
            told = f"not the pinned file (SHA-256): {', '.join(wrong)}"
            amiss = _findings.fail if group is Group.CORE else _findings.warn
            yield amiss(group, f"{gives}: {told}", f"emotion-monitor models fetch {' '.join(wrong)}")
        elif not missing:
            yield _findings.ok(group, f"{gives}: {', '.join(states)}")
        else:
            found, remedy = f"{gives}: missing {', '.join(missing)}", f"emotion-monitor models fetch {group}"
            if group is Group.CORE:
                yield _findings.fail(group, found, remedy)
            elif group is Group.LANDMARKS and asked.settings.nfbl.source.startswith("live") and _needed(missing):
                yield _findings.warn(group, found, remedy)
            else:
                yield _findings.skip(group, found, remedy)


def _needed(missing: list[str]) -> bool:
    """Whether the engine uses any of these landmark files; some are alternatives, or for audits alone."""
    from streams.nfbl.engine.tasks import MODELS

    return not set(MODELS).isdisjoint(missing)


def _engine(asked: Asked) -> Iterator[Check]:
    name, settings = "landmark engine", asked.settings.nfbl
    if not settings.source.startswith("live"):
        yield _findings.skip(name, f"not asked for: nfbl.source is {settings.source}")
        return
    from streams.nfbl.live import LiveFeed

    began_s = monotonic_s()
    feed: LiveFeed | None = None
    try:
        feed = LiveFeed(settings, paced=True)
        feed.wait_ready()
    except ModelUnavailable as error:
        yield _findings.warn(name, f"body language is off: {error}")
    else:
        yield _findings.ok(name, f"{feed.source} starts in {monotonic_s() - began_s:.1f} s")
    finally:
        if feed is not None:
            feed.close()


SECTION: Final = Section(
    "model files",
    __name__,
    (
        Probe("folder", _folder),
        Probe("files", _files, limit_s=10.0, remedy="is the models' folder on a disk that answers?"),
        Probe(
            "landmark engine",
            _engine,
            limit_s=25.0,
            remedy="sessions run without body language: --nfbl off, or pip install --force-reinstall mediapipe",
            vital=False,
        ),
    ),
)
