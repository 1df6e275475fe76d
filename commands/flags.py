"""What several commands share: flags, the kinds of value they take, and the settings they make up."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from configs.load import Loaded

PROGRAM: Final = "emotion-monitor"

Families: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse has no public name for it
"""Where a family adds its commands."""

JOURNAL_HELP: Final = "a journal's path, its session's id or the beginning of one, or `latest`"

_SETTINGS: Final = {
    "describer": "describer",
    "judge": "judge",
    "server": "mllm.url",
    "cassette": "cassette.path",
    "nfbl": "nfbl.source",
    "seed": "seed",
    "mask": "faces.mask",
    "voice": "voice.mode",
    "web": "outputs.web.enabled",
    "metrics": "outputs.metrics.enabled",
    "webhook": "outputs.webhook.url",
}
"""Flags that are one setting under another name."""


def load(args: argparse.Namespace, *derived: str) -> Loaded:
    """The settings that the profile, the environment and the flags make up, with `derived` above them all.

    Raises:
        ConfigError: one of them is wrong.
    """
    from configs.load import load_settings

    named = ((key, getattr(args, flag, None)) for flag, key in _SETTINGS.items())
    flags = [f"{key}={value}" for key, value in named if value is not None]
    overrides = [*args.set, *flags, *(getattr(args, "mqtt", None) or ()), *derived]
    return load_settings(args.profile, overrides, os.environ)


def speed(text: str) -> float | None:
    """How fast media time passes; None for as fast as it goes."""
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1000.0:
        raise argparse.ArgumentTypeError(f"'{text}' is neither 'max' nor a number above 0")
    return value


def _broker(text: str) -> list[str]:
    """Settings that publish to the broker at HOST or HOST:PORT."""
    match = re.fullmatch(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(:(?P<port>[0-9]{1,5}))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no broker: write HOST, HOST:PORT or [::1]:PORT; who logs in is outputs.mqtt.username"
        )
    address = [f"outputs.mqtt.host={json.dumps(match['host'].strip('[]'))}"]
    return ["outputs.mqtt.enabled=true", *address, *([f"outputs.mqtt.port={match['port']}"] if match["port"] else [])]


def _name(text: str) -> str:
    from configs.output_settings import SLUG

    if not re.fullmatch(SLUG, text):
        raise argparse.ArgumentTypeError(f"'{text}' is no name: write up to 64 small letters, digits, - and _")
    return text


def common_flags() -> argparse.ArgumentParser:
    """What every command takes. Each call makes a parser of its own: argparse lets commands share the defaults too."""
    flags = argparse.ArgumentParser(add_help=False)
    flags.add_argument("--verbose", action="store_true", help="log to stderr what happens inside")
    return flags


def settings_flags(*, profile: str | None = None) -> argparse.ArgumentParser:
    """Where the settings come from; `profile` is the one in force when none is named."""
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("settings")
    group.add_argument(
        "--profile",
        default=profile,
        metavar="NAME|PATH",
        help="default, interview, paper, low-power, offline, or a YAML file",
    )
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting (repeatable)")
    group.add_argument("--seed", type=int, metavar="N", help="make the run repeatable; unsafe for publication")
    return flags


def model_flags() -> argparse.ArgumentParser:
    """What describes, what judges and what watches for body language."""
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("models")
    group.add_argument(
        "--server",
        metavar="URL",
        help="OpenAI-compatible server that describes and, unless llm.url names another, judges",
    )
    group.add_argument(
        "--describer",
        metavar="NAME",
        help="what describes a window: cues (default), openai (default with --server), video_llama, transformers",
    )
    group.add_argument(
        "--judge", metavar="NAME", help="what judges a description: cues (default), openai (default with --server)"
    )
    group.add_argument(
        "--cassette", metavar="FILE", help="recorded answers of models; --set cassette.mode=record makes one"
    )
    group.add_argument(
        "--nfbl", metavar="live|off|FILE", help="body language: live (default), off, an annotation file, or live+FILE"
    )
    return flags


def session_flags() -> argparse.ArgumentParser:
    """Where a session shows itself."""
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("output")
    group.add_argument("--journal", type=Path, metavar="PATH", help="where the journal goes (default: state folder)")
    group.add_argument(
        "--ui",
        choices=("auto", "full", "plain", "json", "none"),
        default="auto",
        help="full dashboard, plain lines, the journal's records as JSON on stdout, or nothing",
    )
    group.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII")
    group.add_argument(
        "--name",
        type=_name,
        action="append",
        default=[],
        help="what the stream is called in topics, pages and figures (several streams: repeat it in their order)",
    )
    return flags


def publishing_flags() -> argparse.ArgumentParser:
    """Where verdicts go."""
    flags = argparse.ArgumentParser(add_help=False)
    group = flags.add_argument_group("publishing (off by default; more under outputs. in `config show`)")
    group.add_argument("--mqtt", type=_broker, metavar="HOST[:PORT]", help="publish to this MQTT broker")
    group.add_argument("--web", action="store_const", const="true", help="serve a page at http://127.0.0.1:8765/")
    group.add_argument("--metrics", action="store_const", const="true", help="serve figures for Prometheus")
    group.add_argument("--webhook", metavar="URL", help="post verdicts and changes of state there, signed")
    return flags
