"""The interpreter, this program, where its modules come from, and its settings. Asked in this process."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

_PROGRAM: Final = "emotion-monitor"
_MODULES: Final = ("cli", "commands", "monitor", "streams", "buffers", "serving", "configs")
_FRESH: Final = "install into an environment of its own: pipx install emotion-monitor (docs/troubleshooting.md)"

_findings = Findings("program")


def _python(_: Asked) -> Iterator[Check]:
    kind = "virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment"
    found = f"{platform.python_version()} {platform.python_implementation()}, {kind}, {platform.platform(terse=True)}"
    found += f" {platform.machine()}"
    yield _findings.ok("Python", found)


def _version(_: Asked) -> Iterator[Check]:
    try:
        ours = distribution(_PROGRAM)
    except PackageNotFoundError:
        yield _findings.warn(_PROGRAM, "not installed: runs from a folder", "pip install -e .")
        return
    yield _findings.ok(_PROGRAM, f"{ours.version}, {install_kind(ours.read_text('direct_url.json'))}")


def install_kind(direct_url: str | None) -> str:
    """In words, what PEP 610's `direct_url.json` says of an installation; None: there is no such file."""
    if direct_url is None:
        return "installed from a package index"
    told = json.loads(direct_url)
    if told.get("dir_info", {}).get("editable"):
        return f"editable, {told['url'].removeprefix('file://')}"
    if "dir_info" in told:
        return "installed from a folder"
    return "installed from version control" if "vcs_info" in told else "installed from a wheel or archive"


def _modules(_: Asked) -> Iterator[Check]:
    homes = {name: _home(name) for name in _MODULES}
    ours = Path(__file__).resolve().parents[2]
    strange = [f"{name} from {home or 'nowhere'}" for name, home in homes.items() if home != ours]
    if strange:
        yield _findings.fail("modules", f"not all of one installation: {', '.join(strange)}", _FRESH)
        return
    owners = packages_distributions()
    others = sorted({owner for name in _MODULES for owner in owners.get(name, ()) if owner != _PROGRAM})
    if others:
        yield _findings.warn("modules", f"{', '.join(others)} also installs modules of these names", _FRESH)
    else:
        yield _findings.ok("modules", f"all of one installation, {ours}")


def _home(name: str) -> Path | None:
    """The folder that holds a top-level module."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin).resolve()
    return origin.parents[1] if origin.name == "__init__.py" else origin.parent


def _settings(asked: Asked) -> Iterator[Check]:
    if asked.fault is None:
        yield _findings.ok("settings", f"profile {asked.profile} is valid")
    else:
        yield _findings.fail("settings", f"{asked.fault} (the rest is checked with the defaults)")


SECTION: Final = Section(
    "program",
    __name__,
    (
        Probe("Python", _python),
        Probe(_PROGRAM, _version),
        Probe("modules", _modules),
        Probe("settings", _settings),
    ),
)
