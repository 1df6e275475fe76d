"""What streams are called outside: by their kind, since a path, an address or a device may name a person."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.session.plan import Plan


def stream_names(plans: Sequence[Plan]) -> list[str]:
    """A slug for each plan: the one it was given, else the kind of its source, numbered where there are several."""
    names: list[str] = []
    for plan in plans:
        wanted = plan.name or _kind(plan)
        name, number = wanted, 1
        while name in names:
            number += 1
            name = f"{wanted}-{number}"
        names.append(name)
    return names


def _kind(plan: Plan) -> str:
    scheme, colon, rest = plan.source.partition(":")
    if not colon or not scheme.isalnum() or not scheme.isascii() or scheme == "loop" or len(scheme) == 1:
        return "recording"
    return "camera" if scheme == "av" else "stream" if rest.startswith("//") else scheme.lower()
