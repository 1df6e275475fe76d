"""One thread for a model in this process: it stands back behind everything live, and stops when nobody waits any more.

A model that generates words holds its processor for seconds. It runs in a thread of its own, niced, one job at a
time. Whoever waits for a job may give up at any moment: the job is told, and a generation looks once per token, so
that the next window is not kept waiting by an answer that came too late.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import Precision

if TYPE_CHECKING:
    import torch
    from transformers import StoppingCriteriaList

NICENESS: Final = 10
"""How far the thread stands back: behind the masks (0) and behind body language (5)."""

GRACE_S: Final = 5.0
"""How long closing waits for a job that was told to stop: a token of a 7B model on two CPU cores takes about two."""

P = ParamSpec("P")
T = TypeVar("T")


class Cancelled(Exception):
    """Nobody waits for this job any more: raised inside it, and seen by nobody outside."""


@dataclass(eq=False, slots=True)
class _Job:
    call: Callable[[], Any]
    result: Future[Any] = field(default_factory=Future)
    unwanted: threading.Event = field(default_factory=threading.Event)


class Worker:
    """A thread that runs one job after another. It starts with its first job and never keeps the program alive."""

    def __init__(self, name: str, *, niceness: int = NICENESS) -> None:
        """`name` is that of the thread and of the model in errors; `niceness` is added to this process's own."""
        self._name = name
        self._niceness = niceness
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._running: _Job | None = None
        self._closed = False

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one call in the thread, after those before it, and give back what it returns or raise what it raises.

        When the waiting task is cancelled this returns at once; a call under way is told (`stopping`), one that waits
        never begins. Raises `ModelUnavailable` once closed.
        """
        job = _Job(partial(call, *args, **kwargs))
        with self._changed:
            if self._closed:
                raise self._gone()
            if self._thread is None:
                # A daemon: the interpreter does not wait at its end for a library call that never returns.
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._jobs.append(job)
            self._changed.notify()
        try:
            result: T = await asyncio.wrap_future(job.result)
        except Cancelled:
            raise self._gone() from None
        finally:
            job.unwanted.set()
            del job  # an error holds this frame: without the job in it no circle keeps the job's media alive
        return result

    @property
    def stopping(self) -> bool:
        """Asked from inside a job: whether nobody waits for it any more."""
        job = self._running
        return job is not None and job.unwanted.is_set()

    def check(self) -> None:
        """Asked from inside a job, between steps. Raises `Cancelled` when nobody waits for it any more."""
        if self.stopping:
            raise Cancelled

    async def close(self) -> None:
        """Stop what is under way and end the thread; waits `GRACE_S` for it at most. More than once is fine."""
        with self._changed:
            self._closed = True
            waiting = list(self._jobs)
            self._jobs.clear()
            if self._running is not None:
                self._running.unwanted.set()
            self._changed.notify()
        for job in waiting:
            if job.result.set_running_or_notify_cancel():
                job.result.set_exception(self._gone())
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, GRACE_S)

    def _gone(self) -> ModelUnavailable:
        return ModelUnavailable(f"{self._name} was closed: start the session anew")

    def _work(self) -> None:
        _stand_back(self._niceness)
        while self._next():
            pass

    def _next(self) -> bool:
        """Run one job; a method of its own, so that nothing of a job outlives it in this thread's variables."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._jobs)
            if self._closed:
                return False
            job = self._running = self._jobs.popleft()
        if job.result.set_running_or_notify_cancel():
            try:
                job.result.set_result(job.call())
            except BaseException as error:  # noqa: BLE001 - raised again where the job is awaited
                job.result.set_exception(error)
        with self._changed:
            self._running = None
        del job  # the same circle as in `run`
        return True


def _stand_back(niceness: int) -> None:
    """Lower this thread's priority. Only Linux knows one per thread; elsewhere all of the program would slow down."""
    if not sys.platform.startswith("linux"):
        return
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + niceness))


def stop_with(worker: Worker) -> StoppingCriteriaList:
    """Stopping criteria for `generate` that end it within one token once nobody waits for the job.

    What was generated until then is returned like a whole answer: call `worker.check()` next.
    """
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Unwanted(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
            del scores, kwargs
            return torch.full((input_ids.shape[0],), worker.stopping, dtype=torch.bool, device=input_ids.device)

    return StoppingCriteriaList([Unwanted()])


def require_models() -> None:
    """Raise `ModelUnavailable` where the extra `models` is not installed, before anything of it is imported."""
    missing = [name for name in ("torch", "transformers", "safetensors") if find_spec(name) is None]
    if missing:
        raise ModelUnavailable(
            f"a model in this process needs the package {missing[0]}: pip install 'emotion-monitor[models]', or choose "
            "another describer"
        )


def pick_device(wanted: str, key: str) -> torch.device:
    """The device of the setting `key`: `auto`, `cpu`, `cuda`, `cuda:N`, or `balanced` (the first of all GPUs).

    Raises:
        ConfigError: there is no such device here, or the word is none of these.
    """
    import torch

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    kind, _, number = wanted.partition(":")
    if kind not in {"auto", "cuda", "balanced"} or (number and (kind != "cuda" or not number.isdecimal())):
        raise ConfigError(f"{key} is {wanted!r}: it must be auto, cpu, cuda, cuda:0 (or another number) or balanced")
    if not torch.cuda.is_available():
        raise ConfigError(
            f"{key} is {wanted!r}, but no CUDA GPU can be used here: set it to auto or cpu, or install a GPU's driver "
            "and a torch built for it"
        )
    if number and int(number) >= torch.cuda.device_count():
        raise ConfigError(f"{key} is {wanted!r}, but there are {torch.cuda.device_count()} GPUs here, counted from 0")
    return torch.device("cuda", int(number or 0))


def pick_dtype(wanted: Precision, device: torch.device) -> torch.dtype:
    """The number type of weights on `device`. With `int8` it is that of everything which is not quantised.

    `auto` is bf16 on a GPU that has it, else fp16, and fp32 on a CPU, which is slow in the short types.
    """
    import torch

    named = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    if wanted in named:
        return named[wanted]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def spare_cores(device: torch.device) -> None:
    """Compute on one core, where the model is on the CPU: live de-identification has the others.

    To be called in the model's thread, before the model is.
    """
    import torch

    if device.type == "cpu":
        torch.set_num_threads(1)
