"""The describer `transformers`: a multimodal model of that package in this process, asked window by window.

It is shown the same evidence in the same words as a model behind a server: masked frames with their times, clips of
altered voice where it can hear, and the reports of body language. It answers greedily, and what it says is unverified.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from buffers.evidence import AudioClip, Cadence, Evidence, StoredFrame
from configs.digest import json_digest
from configs.errors import ConfigError, ModelUnavailable
from configs.prompts import prompts, prompts_digest
from configs.settings import Settings
from monitor.describers.answers import declines, plain_answer, says_nothing
from monitor.describers.base import Description, ModelInfo
from monitor.describers.shown import heard, seen
from monitor.describers.weights import weights_digest
from monitor.describers.worker import Worker, require_models, stop_with
from monitor.evidence import nfbl_text

if TYPE_CHECKING:
    import torch

    from monitor.describers.transformers.loading import Loaded
    from monitor.describers.transformers.prompt import Piece

NAME: Final = "transformers"

logger = logging.getLogger("emotion_monitor.describers")


class TransformersDescriber:
    """Holds one model and answers one window at a time, in a thread that stands back behind everything live."""

    def __init__(self, settings: Settings) -> None:
        """Reads no file yet.

        Raises:
            ConfigError: no folder is named.
            ModelUnavailable: the extra `models` is not installed.
        """
        require_models()
        if settings.transformers.folder is None:
            raise ConfigError(
                "transformers.folder is not set: name the folder of a model that transformers has "
                "(--set transformers.folder=PATH), or choose another describer"
            )
        self._settings = settings.transformers
        self._folder = Path(settings.transformers.folder).expanduser()
        self._worker = Worker("the describer's model")
        self._loaded: Loaded | None = None
        self._info = _info(self._folder.name, "", "not loaded yet")

    @property
    def info(self) -> ModelInfo:
        """What this describer is; complete once it has started."""
        return self._info

    async def start(self) -> tuple[str, ...]:
        """Load the model; says how large it is, where it is and whether it hears.

        Raises:
            ConfigError: the folder holds no model, or one of an unknown family; or there is no such device.
            ModelUnavailable: its files are incomplete or damaged, or the memory does not suffice.
        """
        if self._loaded is not None:
            return ()
        loaded, digest = await self._worker.run(self._load)
        self._loaded = loaded
        hearing = "hears the altered voice" if loaded.family.hears else "no sound: this model only sees"
        self._info = _info(self._folder.name, digest, f"{loaded.family.title}, {hearing}; its words are unverified")
        numbers = str(loaded.dtype).removeprefix("torch.")
        size = f"{loaded.parameters / 1e9:.2f} billion parameters"
        template = ("it has no usable chat template, so ChatML is used",) if loaded.frame.own else ()
        return (
            f"{loaded.family.title} from {self._folder.name}: {size} in {numbers} on {loaded.device}; {hearing}",
            *(f"{self._folder.name}: {said}" for said in template),
        )

    async def describe(self, evidence: Evidence) -> Description:
        """Describe one window; insufficient without a question where there is nothing to show.

        Raises:
            ModelUnavailable: it has not started, the memory does not suffice, or it answered nothing.
        """
        loaded = self._loaded
        if loaded is None:
            raise ModelUnavailable("the describer's model is not loaded: it has to be started first")
        frames, clips = _media(evidence, loaded)
        if not frames and not clips:
            return Description("There is nothing that this model could see or hear.", NAME, insufficient=True)
        answer = await self._worker.run(self._answer, loaded, evidence)
        if not answer or declines(answer):
            raise ModelUnavailable(
                f"the model in {self._folder.name} gave no description: {answer or 'an empty answer'}"
            )
        return Description(answer, NAME, insufficient=says_nothing(answer))

    async def close(self) -> None:
        """Stop what is under way and release the model."""
        await self._worker.close()
        self._loaded = None

    def _load(self) -> tuple[Loaded, str]:
        from monitor.describers.transformers.loading import load, model_type, weights

        model_type(self._folder)
        found = weights(self._folder)
        logger.info("loading %s", self._folder.name)
        loaded = load(self._settings, self._folder)
        asked = {
            "weights": weights_digest([*self._folder.glob("*.json"), *self._folder.glob("*.jinja"), *found]),
            "prompts": prompts_digest("describe"),
            "dtype": str(loaded.dtype),
            "max_tokens": self._settings.max_tokens,
        }
        return loaded, json_digest(asked)

    def _answer(self, loaded: Loaded, evidence: Evidence) -> str:
        """Ask about one window, in the model's thread."""
        import torch
        from transformers import GenerationConfig

        from monitor.describers.transformers.loading import enough_memory
        from monitor.describers.transformers.prompt import token_ids

        frames, clips = _media(evidence, loaded)
        with enough_memory(loaded.device), torch.inference_mode():
            shown = loaded.layout(frames, clips, evidence.window.start_s)
            pieces = _turn(evidence, shown.pieces, pictures=bool(frames), sound=bool(clips))
            ids = token_ids(loaded.tokenizer, loaded.frame, prompts("describe")["system"], pieces)
            self._worker.check()
            room = loaded.places - len(ids)
            if room < self._settings.max_tokens:
                raise ModelUnavailable(
                    f"a window takes {len(ids)} tokens of the {loaded.places} that the model in {self._folder.name} "
                    "can read, answer included: lower windows.frames or horizon.frame_long_side_px"
                )
            asked = torch.tensor([ids], device=loaded.device)
            written = loaded.model.generate(
                input_ids=asked,
                attention_mask=torch.ones_like(asked),
                generation_config=GenerationConfig(
                    max_new_tokens=self._settings.max_tokens,
                    do_sample=False,
                    eos_token_id=list(loaded.ends),
                    pad_token_id=loaded.ends[0],
                ),
                stopping_criteria=stop_with(self._worker),
                **{name: _placed(tensor, loaded) for name, tensor in shown.tensors.items()},
            )
        self._worker.check()
        new = written[0, len(ids) :].tolist()
        text = loaded.tokenizer.decode(new, skip_special_tokens=True)
        return plain_answer(str(text), cut_off=not new or new[-1] not in loaded.ends)


def _media(evidence: Evidence, loaded: Loaded) -> tuple[Sequence[StoredFrame], Sequence[AudioClip]]:
    """What of the evidence this model is shown."""
    clips = heard(evidence, len(evidence.clips)) if loaded.family.hears else ()
    return seen(evidence, len(evidence.frames)), clips


def _turn(evidence: Evidence, media: Sequence[Piece], *, pictures: bool, sound: bool) -> list[Piece]:
    """The user's turn in the order and the words that a server is sent."""
    words = prompts("describe")
    question = "question_global" if evidence.window.cadence is Cadence.GLOBAL else "question_local"
    missing = [words[key] for key, there in (("no_pictures", pictures), ("no_sound", sound)) if not there]
    after = "\n".join([*missing, nfbl_text(evidence), words[question]])
    return [words["instruction"].format(seconds=f"{evidence.window.length_s:.0f}") + "\n", *media, "\n" + after]


def _placed(tensor: torch.Tensor, loaded: Loaded) -> torch.Tensor:
    """A tensor on the model's device, numbers of media in its number type."""
    return tensor.to(loaded.device, loaded.dtype if tensor.is_floating_point() else tensor.dtype)


def _info(model: str, fingerprint: str, said: str) -> ModelInfo:
    return ModelInfo(
        name=NAME,
        heuristic=False,
        calibrated=False,
        notice=f"{model} in this process: {said}",
        model=model,
        fingerprint=fingerprint,
    )
