"""What a server really does with pictures and sound: asked once, with made-up media, and told by its token counts.

A server that drops what it cannot use answers all the same, and a description without pictures would be invented.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import cv2
import numpy as np

from buffers.records import AUDIO_RATE_HZ, CLIP_S
from configs.errors import ModelUnavailable
from configs.model_settings import MllmSettings
from configs.prompts import prompts
from monitor.describers.openai.content import Part, Shown, picture_part, sound_part, text_part
from monitor.remote.errors import RequestRefused, ServerFailed
from monitor.remote.server import Server

PROBE_TOKENS: Final = 16
"""Tokens of a probe's answer: some hosted models refuse to be asked for fewer."""

MOST_CLIPS: Final = 64
"""Clips in one message unless the server allows fewer; evidence holds fewer by its own settings."""

AT_MOST: Final = r"(?:at most|up to|maximum(?: number)?(?: of)?|limit(?:ed)?(?: to| of| is)?|no more than)\W{0,3}"
IMAGE_LIMIT: Final = re.compile(rf"{AT_MOST}(\d+)\D{{0,12}}image|image.{{0,60}}?{AT_MOST}\D{{0,6}}(\d+)", re.IGNORECASE)
CLIP_LIMIT: Final = re.compile(rf"{AT_MOST}(\d+)\D{{0,12}}audio|audio.{{0,60}}?{AT_MOST}\D{{0,6}}(\d+)", re.IGNORECASE)
TOO_MUCH: Final = re.compile(r"context (?:length|window|size)|too (?:many tokens|large|long)|exceed", re.IGNORECASE)
SOUND: Final = re.compile(r"audio", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the server was found to do: the most pictures and clips in one message, and whether media may have ids.

    `clips` 0: it does not hear.
    """

    images: int
    clips: int
    uuids: bool = False

    @property
    def hears(self) -> bool:
        """Whether sound is sent."""
        return self.clips > 0


def fewer(abilities: Abilities, refused: RequestRefused, *, pictures: int, clips: int) -> Abilities | None:
    """What to send after a refusal of so many pictures and clips; None where sending less would not help."""
    images, sounds = _limit(IMAGE_LIMIT, refused.said), _limit(CLIP_LIMIT, refused.said)
    if images is not None and images < pictures:
        return replace(abilities, images=images) if images else None
    if sounds is not None and sounds < clips:
        return replace(abilities, clips=sounds)
    if clips and SOUND.search(refused.said):
        return replace(abilities, clips=0)
    if pictures > 1 and (refused.status == 413 or TOO_MUCH.search(refused.said)):
        return replace(abilities, images=pictures // 2)
    return replace(abilities, uuids=False) if abilities.uuids and pictures else None


def _limit(phrase: re.Pattern[str], said: str) -> int | None:
    found = phrase.search(said)
    return None if found is None else int(found.group(1) or found.group(2))


async def probe(server: Server, settings: MllmSettings, *, at_s: float) -> tuple[Abilities, tuple[str, ...]]:
    """Ask with nothing, with pictures and with sound; what the server can do, and what a person should know of it.

    Raises:
        ModelUnavailable: It takes no pictures, or ignores them.
        RemoteError: It does not answer at all.
    """
    notices: list[str] = []
    plain = await _tokens(server, settings, (), at_s)
    abilities, counted = await _pictures(server, settings, at_s)
    if plain is None or counted is None:
        notices.append(f"{server.name} does not count tokens: whether it looks at pictures is unknown")
    elif counted <= plain:
        raise ModelUnavailable(
            f"{server.name} ignores images, so it could only invent descriptions; serve a model that sees, "
            "or choose --describer cues"
        )
    if abilities.images < settings.images:
        notices.append(f"{server.name} takes {abilities.images} images at once; windows are thinned to them")
    if settings.audio == "on" or (settings.audio == "auto" and await _hears(server, settings, plain, at_s)):
        abilities = replace(abilities, clips=MOST_CLIPS)
    elif settings.audio == "auto":
        notices.append(f"no sound: {server.name} does not hear; the clips are left out")
    return abilities, tuple(notices)


async def _pictures(server: Server, settings: MllmSettings, at_s: float) -> tuple[Abilities, int | None]:
    """As many pictures as a window has, or as many as the server takes; the prompt's tokens with them."""
    abilities = Abilities(images=settings.images, clips=0, uuids=True)
    while True:
        shown = Shown(abilities.images, 0, abilities.uuids, low_detail=server.is_openai)
        parts = [picture_part(_picture(), shown)] * abilities.images
        try:
            return abilities, await _tokens(server, settings, parts, at_s)
        except RequestRefused as refused:
            less = fewer(abilities, refused, pictures=abilities.images, clips=0)
            if less is None:
                raise ModelUnavailable(
                    f"{refused}; it takes no images: serve a model that sees, or choose --describer cues"
                ) from None
            abilities = less


async def _hears(server: Server, settings: MllmSettings, plain: int | None, at_s: float) -> bool:
    tone = np.sin(2 * np.pi * 200 / AUDIO_RATE_HZ * np.arange(round(CLIP_S * AUDIO_RATE_HZ)))
    try:
        counted = await _tokens(server, settings, [sound_part((0.3 * tone).astype(np.float32))], at_s)
    except (RequestRefused, ServerFailed):
        return False
    return plain is not None and counted is not None and counted > plain


async def _tokens(server: Server, settings: MllmSettings, parts: Sequence[Part], at_s: float) -> int | None:
    """Tokens of a prompt with these parts as the server counts them, None where it does not.

    Asked as a window is asked, so that what the server refuses of that is known when the session begins.
    """
    reply = await server.chat(
        [{"role": "user", "content": [*parts, text_part(prompts("describe")["probe"])]}],
        at_s=at_s,
        max_tokens=PROBE_TOKENS,
        temperature=settings.temperature,
        extra=server.thinking_off if settings.thinking == "off" else None,
    )
    return reply.prompt_tokens


@cache
def _picture() -> bytes:
    """A small grey slope as a JPEG: nothing of anybody, and large enough for every encoder's patches."""
    slope = np.tile(np.linspace(40, 215, 64, dtype=np.uint8), (64, 1))
    return cv2.imencode(".jpg", slope)[1].tobytes()
