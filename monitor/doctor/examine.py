"""Asks every section, several at a time but those that measure; checks come in order, each as soon as it is known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from monitor.doctor import (
    codecs,
    devices,
    files,
    libraries,
    machine,
    models,
    outputs,
    packages,
    program,
    source,
    speed,
    terminal,
)
from monitor.doctor.check import Check, Status
from monitor.doctor.guard import examined
from monitor.doctor.private import private_check
from monitor.doctor.probe import Asked, Section, answer

HERE: Final = (program.SECTION, terminal.SECTION)
"""Asked in this process: they look at it, and import nothing that could crash."""

TOGETHER: Final = (packages, codecs, libraries, devices, files, models, outputs, machine)
"""Asked in processes of their own, side by side."""

ALONE: Final = (speed, source)
"""Asked one after another when everything else is done: what they measure must not be disturbed."""

_AT_A_TIME: Final = 2
"""More processes than a small machine has cores would only wait for each other, and run into their limits."""


def examine(asked: Asked, *, verbose: bool = False) -> Iterator[Check]:
    """Every check, in order, fit to be shown to anybody."""
    return map(private_check, _checks(asked, verbose=verbose))


def failed(checks: list[Check]) -> bool:
    """Whether anything that was asked for cannot work."""
    return any(check.status is Status.FAIL for check in checks)


def _checks(asked: Asked, *, verbose: bool) -> Iterator[Check]:
    given_up = threading.Event()

    def ask(section: Section) -> list[Check]:
        return list(examined(section, asked, verbose=verbose, given_up=given_up))

    pool = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="doctor")
    try:
        waiting: list[Future[list[Check]]] = [pool.submit(ask, module.SECTION) for module in TOGETHER]
        for section in HERE:
            for probe in section.probes:
                yield from answer(section, probe, asked)
        for future in waiting:
            yield from future.result()
        for module in ALONE:
            yield from examined(module.SECTION, asked, verbose=verbose)
    finally:
        given_up.set()
        pool.shutdown(wait=False, cancel_futures=True)
