"""Runs sessions on a terminal: one or several side by side, with the signals that end them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from configs.errors import MonitorError
from monitor.interrupts import interrupts_to
from monitor.outputs.base import Command, Output
from monitor.outputs.destinations import make_destinations
from monitor.outputs.registry import choose_outputs
from monitor.session.naming import stream_names
from monitor.session.plan import Plan
from monitor.session.session import Session

_INTERRUPTED: Final = 130


def run(plans: Sequence[Plan], *, ui: str, ascii_only: bool) -> int:
    """Run the sessions to their ends and return the exit code: the first that is not 0, in the order of the plans.

    Raises what opening the first bad one raises, and what ended the only one early; of several each ends for itself,
    and why is told on standard error at the end.
    """
    try:
        return asyncio.run(_Run(ui, ascii_only=ascii_only).all(plans))
    except asyncio.CancelledError:  # interrupted again while it was ending
        return _INTERRUPTED


class _Run:
    """Sessions that are run together."""

    def __init__(self, ui: str, *, ascii_only: bool) -> None:
        self._ui = ui
        self._ascii_only = ascii_only
        self._sessions: list[Session] = []
        self._tasks: list[asyncio.Task[int]] = []
        self._interrupted = False

    async def all(self, plans: Sequence[Plan]) -> int:
        """Open all, then run all."""
        # Before the sources: a wrong setting is told before a camera or a landmark engine is started.
        destinations = make_destinations(plans[0].loaded.settings.outputs, os.environ)
        async with contextlib.AsyncExitStack() as closing:
            try:
                for plan in plans:
                    self._sessions.append(Session(plan))
                    await asyncio.sleep(0)  # Ctrl-C while they are opened is obeyed here, where all are closed
                screens, names = self._screens(), stream_names(plans)
                streams = [session.stream(name) for session, name in zip(self._sessions, names, strict=True)]
                for destination in destinations:
                    closing.push_async_callback(destination.close)
                    await destination.open(streams)
                outputs = [
                    (screen, *(destination.output(stream) for destination in destinations))
                    for screen, stream in zip(screens, streams, strict=True)
                ]
            except BaseException:
                await asyncio.gather(*(session.close() for session in self._sessions))
                raise
            return await self._run(outputs)

    async def _run(self, outputs: Sequence[tuple[Output, ...]]) -> int:
        if self._ui != "none" and any(session.asks_models for session in self._sessions):
            sys.stderr.write("Starting the models ...\n")
        with interrupts_to(self._interrupt):
            pairs = zip(self._sessions, outputs, strict=True)
            self._tasks = [asyncio.create_task(self._one(session, *shown)) for session, shown in pairs]
            results = await asyncio.gather(*self._tasks, return_exceptions=True)
        return self._code(results)

    async def _one(self, session: Session, *outputs: Output) -> int:
        """Run one; one that cannot begin is shown as failed, on the screen only where others go on there."""
        try:
            return await session.run(*outputs)
        except MonitorError as error:
            if not session.began:
                failed = session.failed(str(error))
                for output in outputs if len(self._sessions) > 1 else outputs[1:]:
                    output.show(failed)
            raise

    def _screens(self) -> list[Output]:
        return choose_outputs(
            self._ui,
            [session.name for session in self._sessions],
            stdout=sys.stdout,
            environ=os.environ,
            ascii_only=self._ascii_only,
            on_command=self._command,
        )

    def _command(self, index: int, command: Command) -> None:
        self._sessions[index].command(command)

    def _interrupt(self) -> None:
        """Ctrl-C, SIGTERM or a closed terminal: stop the sources, flush, end. The second time: leave at once."""
        for session, task in zip(self._sessions, self._tasks, strict=True):
            if self._interrupted or not session.began:
                task.cancel()
            session.stop()
        self._interrupted = True

    def _code(self, results: Sequence[int | BaseException]) -> int:
        several, codes, faults = len(results) > 1, [], []
        for session, result in zip(self._sessions, results, strict=True):
            if isinstance(result, asyncio.CancelledError):
                codes.append(_INTERRUPTED)
            elif isinstance(result, MonitorError) and several:
                sys.stderr.write(f"emotion-monitor: {session.name}: {result}\n")
                codes.append(result.exit_code)
            elif isinstance(result, BaseException):
                faults.append(result)
            else:
                codes.append(result)
        if faults:
            raise faults[0]
        return _INTERRUPTED if self._interrupted else next((code for code in codes if code), 0)
