"""Looks a name up in a thread of its own, so that a resolver that does not answer holds nobody else up.

Libraries look names up in the event loop's pool, which reading journals and preparing media share, and which the end of
a process waits for; a call that hangs there cannot be taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading


class Lookup:
    """One name, asked for again and again, by one question at a time. Used from one event loop."""

    def __init__(self, host: str | bytes, port: int) -> None:
        """Nothing is asked yet."""
        self._host = host
        self._port = port
        self._question: asyncio.Future[None] | None = None

    @property
    def pending(self) -> bool:
        """Whether an answer is waited for."""
        return self._question is not None and not self._question.done()

    async def answered(self) -> None:
        """Wait until the name is known; who comes while it is being asked for waits for the same answer.

        Whoever connects right after that asks a resolver that has just answered. May be cancelled at any time.

        Raises:
            socket.gaierror: Nobody knows the name.
            OSError: It cannot be asked for.
        """
        if self._question is None or self._question.done():
            self._question = asyncio.get_running_loop().create_future()
            # A daemon: the process does not wait for its answer at the end.
            threading.Thread(target=self._ask, args=(self._question,), name="lookup", daemon=True).start()
        question = self._question
        await asyncio.wait({question})
        question.result()

    def _ask(self, question: asyncio.Future[None]) -> None:
        failure: OSError | None = None
        try:
            socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except UnicodeError:
            failure = socket.gaierror(socket.EAI_NONAME, "no name of a host")
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            question.get_loop().call_soon_threadsafe(_answer, question, failure)


def _answer(question: asyncio.Future[None], failure: OSError | None) -> None:
    if failure is None:
        question.set_result(None)
    else:
        question.set_exception(failure)
        question.exception()  # whoever asked may be gone: then it is nobody's
