"""The large models that the settings name: in this process, or behind servers; and what they would run on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from configs.errors import MonitorError
from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section
from streams.clock import monotonic_s

ANSWER_S: Final = 4.0
"""How long a server may take to list its models."""

_GIB: Final = 2**30
_IN_PROCESS: Final = frozenset({"video_llama", "transformers"})

_findings = Findings("models")


def _gpu(asked: Asked) -> Iterator[Check]:
    wanted = asked.settings.describer in _IN_PROCESS
    if find_spec("torch") is None:
        yield _findings.skip("GPU", "torch is not installed; no GPU needed")
        return
    import torch

    found = f"torch {torch.__version__}"
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        told = ", ".join(f"{card.name} ({card.total_memory / _GIB:.0f} GiB)" for card in cards)
        yield _findings.ok("GPU", f"{found}, CUDA {torch.version.cuda}: {told}")
    elif wanted:
        slow = f"{found}, no GPU: {asked.settings.describer} takes minutes for a window on processors"
        yield _findings.warn("GPU", slow, "a GPU with its driver, or a model behind a server (--server URL)")
    else:
        yield _findings.skip("GPU", f"{found}, none found; no GPU needed")


def _describer(asked: Asked) -> Iterator[Check]:
    from monitor.describers.registry import make_describer

    info = make_describer(asked.settings).info
    yield _findings.ok("describer", _named(info.name, info.notice))


def _judge(asked: Asked) -> Iterator[Check]:
    from monitor.judges.registry import make_judge

    info = make_judge(asked.settings).info
    yield _findings.ok("judge", _named(info.name, info.notice))


def _named(name: str, notice: str) -> str:
    return f"{name} ({notice})" if notice else name


def _video_llama(asked: Asked) -> Iterator[Check]:
    folder = asked.settings.video_llama.folder
    if folder is None:
        return
    from monitor.describers.video_llama.files import find_files

    name = "video_llama.folder"
    try:
        files = find_files(Path(folder).expanduser())
        language = files.language_folder()
    except MonitorError as error:
        yield _findings.fail(name, str(error), "see docs/video-llama.md")
        return
    kind = "converted" if files.converted is not None else f"{len(files.checkpoints)} original checkpoints"
    yield _findings.ok(name, f"{kind}, language model {language.name}")


def _transformers(asked: Asked) -> Iterator[Check]:
    folder = asked.settings.transformers.folder
    if folder is None or find_spec("torch") is None or find_spec("transformers") is None:
        return
    from monitor.describers.transformers.loading import model_type, weights

    path = Path(folder).expanduser()
    size = model_type(path), sum(file.stat().st_size for file in weights(path))
    yield _findings.ok("transformers.folder", f"{size[0]}, weights of {size[1] / _GIB:.1f} GiB")


@dataclass(frozen=True, slots=True)
class Address:
    """A server that the settings name."""

    url: str
    model: str | None
    key_env: str
    key_file: str | None
    what: str


def _describing(asked: Asked) -> Iterator[Check]:
    mllm = asked.settings.mllm
    if mllm.url is None:
        yield _findings.skip("server (mllm)", "not set")
        return
    yield _listed("server (mllm)", Address(mllm.url, mllm.model, mllm.key_env, mllm.key_file, "the describer's server"))


def _judging(asked: Asked) -> Iterator[Check]:
    name, llm = "server (llm)", asked.settings.llm
    if llm.url is None:
        found = "not set" if asked.settings.mllm.url is None else "not set: the describer's judges too"
        yield _findings.skip(name, found)
        return
    yield _listed(name, Address(llm.url, llm.model, llm.key_env, llm.key_file, "the judge's server"))


def _listed(name: str, address: Address) -> Check:
    from configs.secrets import read_secret

    key = read_secret("key", address.key_env, address.key_file, os.environ)
    began_s = monotonic_s()
    shown, served = asyncio.run(_models_of(address, key))
    took_ms = 1e3 * (monotonic_s() - began_s)
    told = f"{shown} answers in {took_ms:.0f} ms, {'with the key' if key else 'no key is set'}"
    some = ", ".join(served[:5]) + (f" and {len(served) - 5} more" if len(served) > 5 else "")
    if not served:
        return _findings.warn(name, f"{told}; lists no models", "" if address.model else "set its model by name")
    if address.model is not None and address.model not in served:
        return _findings.warn(name, f"{told}; {address.model} is not among its models: {some}", "set one of these")
    if address.model is None and len(served) > 1:
        return _findings.fail(name, f"{told}; serves {some}", "set its model to one of them (mllm.model, llm.model)")
    return _findings.ok(name, f"{told}; serves {address.model or some}")


async def _models_of(address: Address, key: str | None) -> tuple[str, tuple[str, ...]]:
    from monitor.remote.server import Server

    server = Server(
        url=address.url, model=address.model, key=key, timeout_s=ANSWER_S, requests_per_hour=0, what=address.what
    )
    try:
        return server.host, tuple(model.id for model in await server.models())
    finally:
        await server.close()


SECTION: Final = Section(
    "models",
    __name__,
    (
        Probe("GPU", _gpu, limit_s=20.0, remedy="pip install --force-reinstall torch", vital=False),
        Probe("describer", _describer, limit_s=15.0),
        Probe("judge", _judge, limit_s=15.0),
        Probe("video_llama.folder", _video_llama, limit_s=10.0),
        Probe("transformers.folder", _transformers, limit_s=20.0),
        Probe("server (mllm)", _describing, limit_s=ANSWER_S + 8.0),
        Probe("server (llm)", _judging, limit_s=ANSWER_S + 8.0),
    ),
)
