"""The packages that every session needs, each really imported, and the extras that are there or not."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from types import MappingProxyType
from typing import Final

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section
from monitor.doctor.requirements import Requirement, by_extra

PROGRAM: Final = "emotion-monitor"

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "av": "av",
        "numpy": "numpy",
        "onnxruntime": "onnxruntime",
        "opencv-contrib-python": "cv2",
        "platformdirs": "platformdirs",
        "psutil": "psutil",
        "pydantic": "pydantic",
        "PyYAML": "yaml",
        "rich": "rich",
        "scipy": "scipy",
    }
)
"""The packages that are always asked for, and what is imported of each."""

EXTRAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nfbl": "body language seen in the picture",
        "devices": "microphones",
        "webrtc": "browsers as sources",
        "openai": "models behind a server",
        "models": "large models in this process",
        "mqtt": "verdicts to an MQTT broker",
        "web": "a page in the browser",
        "metrics": "figures for Prometheus",
        "webhook": "verdicts as signed requests",
        "report": "reports of journals",
        "export": "exports to Parquet and ELAN",
        "dlib": "the paper's face detector through dlib",
        "audit": "attacks on what was masked",
        "cluster": "datasets on several machines",
    }
)
"""What each extra gives."""

_OTHER_CV: Final = ("opencv-python", "opencv-python-headless", "opencv-contrib-python-headless")
"""Wheels that write over the files of the one that is asked for."""

_findings = Findings("packages")


def _groups() -> dict[str | None, tuple[Requirement, ...]]:
    try:
        return by_extra(requires(PROGRAM) or (), PROGRAM)
    except PackageNotFoundError:
        return {}


def _package(name: str, _: Asked) -> Iterator[Check]:
    wanted = next((each for each in _groups().get(None, ()) if each.name == name), None)
    install = f"pip install '{name}{wanted.wanted if wanted else ''}'"
    found = _version(name)
    if found is None:
        yield _findings.fail(name, "not installed", install)
        return
    try:
        importlib.import_module(MODULES[name])
    except ImportError as error:
        # A library of the system is the usual reason; its name is in what is said.
        said = " ".join(str(error).split())[:200]
        yield _findings.fail(name, f"{found}, cannot be imported: {said}", "see the system libraries below")
        return
    if wanted is not None and not wanted.allows(found):
        yield _findings.warn(name, f"{found}, but {wanted.wanted} is asked for", install)
    else:
        yield _findings.ok(name, found)


def _one_opencv(_: Asked) -> Iterator[Check]:
    others = [name for name in _OTHER_CV if _version(name) is not None]
    if others:
        names = " ".join(others)
        remedy = f"pip uninstall {names} opencv-contrib-python && pip install opencv-contrib-python"
        yield _findings.warn("opencv", f"{', '.join(others)} writes over opencv-contrib-python", remedy)


def _extras(asked: Asked) -> Iterator[Check]:
    groups = _groups()
    for extra, gives in EXTRAS.items():
        packages = groups.get(extra, ())
        versions = {each.name: _version(each.name) for each in packages}
        missing = [name for name, found in versions.items() if found is None]
        outside = [
            f"{each.name} {versions[each.name]} ({each.wanted} is asked for)"
            for each in packages
            if (found := versions[each.name]) is not None and not each.allows(found)
        ]
        name, install = f"[{extra}]", f"pip install '{PROGRAM}[{extra}]'"
        if not packages:
            yield _findings.skip(name, "not known to the installed version")
        elif missing and extra == "nfbl" and asked.settings.nfbl.source.startswith("live"):
            yield _findings.warn(name, f"{gives}: no {', '.join(missing)}; the feed is off", install)
        elif missing:
            yield _findings.skip(name, f"{gives}: no {', '.join(missing)}", install)
        elif outside:
            yield _findings.warn(name, f"{gives}: {', '.join(outside)}", install)
        else:
            told = ", ".join(f"{package} {found}" for package, found in versions.items())
            yield _findings.ok(name, f"{gives}: {told}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _probe(name: str) -> Probe:
    run: Callable[[Asked], Iterator[Check]] = partial(_package, name)
    return Probe(name, run, limit_s=10.0, remedy=f"pip install --force-reinstall {name}")


SECTION: Final = Section(
    "packages",
    __name__,
    (*map(_probe, MODULES), Probe("opencv", _one_opencv), Probe("extras", _extras, vital=False)),
)
