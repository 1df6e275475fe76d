"""Reads what the program asks of other packages out of its own metadata, as PEP 508 writes it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_BOUND: Final = re.compile(r"\s*(>=|<=|==|!=|<|>)\s*([\w.!+-]+)\s*")
_NUMBERS: Final = re.compile(r"v?(\d+(?:\.\d+)*)")

_OPERATORS: Final[Mapping[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]]] = MappingProxyType(
    {
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        ">": operator.gt,
    }
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that is asked for: always (`extra` None) or by an extra. `extras` are those asked of it in turn."""

    name: str
    extras: tuple[str, ...]
    bounds: tuple[tuple[str, str], ...]
    extra: str | None

    @property
    def wanted(self) -> str:
        """The bounds as they are written."""
        return ",".join(sorted(("".join(bound) for bound in self.bounds), reverse=True))

    def allows(self, version: str) -> bool:
        """Whether a version is within the bounds, by the numbers of its release alone."""
        return all(_OPERATORS[sign](*_evened(_release(version), _release(bound))) for sign, bound in self.bounds)


def parse(text: str) -> Requirement:
    """One line of `Requires-Dist`. `ValueError` for what is none, or is beyond what this project writes."""
    match = _REQUIREMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no requirement")
    name, extras, bounds, marker = match.groups()
    found = [_BOUND.fullmatch(bound) for bound in (bounds or "").split(",") if bound.strip()]
    if None in found:
        raise ValueError(f"{text!r} has bounds that are not understood")
    asking = _EXTRA.search(marker or "")
    return Requirement(
        name=name,
        extras=tuple(extra.strip() for extra in (extras or "").split(",") if extra.strip()),
        bounds=tuple((bound[1], bound[2]) for bound in found if bound is not None),
        extra=None if asking is None else asking[1],
    )


def by_extra(texts: Iterable[str], itself: str) -> dict[str | None, tuple[Requirement, ...]]:
    """What is asked always (None) and by each extra; extras that ask for extras of `itself` have theirs as well."""
    groups: dict[str | None, list[Requirement]] = {}
    for requirement in map(parse, texts):
        groups.setdefault(requirement.extra, []).append(requirement)
    return {extra: tuple(_resolved(groups, extra, itself)) for extra in groups}


def _resolved(groups: Mapping[str | None, list[Requirement]], extra: str | None, itself: str) -> list[Requirement]:
    found: dict[str, Requirement] = {}
    waiting, seen = [extra], {extra}
    while waiting:
        for requirement in groups.get(waiting.pop(), ()):
            if requirement.name == itself:
                waiting += [each for each in requirement.extras if each not in seen]
                seen.update(requirement.extras)
            else:
                found.setdefault(requirement.name, requirement)
    return list(found.values())


def _release(version: str) -> tuple[int, ...]:
    match = _NUMBERS.match(version)
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def _evened(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    length = max(len(left), len(right))
    return (*left, *[0] * (length - len(left))), (*right, *[0] * (length - len(right)))
