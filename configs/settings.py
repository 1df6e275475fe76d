"""Typed settings: every key with its unit, default and where the default comes from.

Loading (profiles, environment, command line) is `configs/load.py`; nothing else constructs `Settings` by hand
except tests. The configuration reference in docs/ is generated from these classes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.journal_settings import JournalSettings
from configs.live_settings import CameraSettings, LiveSettings, MicSettings, NetworkSettings, WebrtcSettings
from configs.model_settings import (
    CassetteSettings,
    LlmSettings,
    MllmSettings,
    TransformersSettings,
    VideoLlamaSettings,
)
from configs.output_settings import OutputSettings
from configs.section import Seconds, Section, Share


class DetectorName(StrEnum):
    """Face detectors by name."""

    CENTERFACE = "centerface"
    CENTERFACE_LARGE = "centerface-large"
    MMOD = "mmod"
    DLIB = "dlib"
    BLAZEFACE = "blazeface"


class MaskStyle(StrEnum):
    """What is drawn over a face."""

    SOLID = "solid"
    SOFT = "soft"
    MOSAIC = "mosaic"
    GAUSSIAN = "gaussian"


class VoiceMode(StrEnum):
    """What is done to the voice."""

    LEVEL_MATCHED = "level-matched"
    REFERENCE = "reference"
    FEATURES_ONLY = "features-only"
    DROP = "drop"


class FaceSettings(Section):
    """Finding and masking faces."""

    detector: DetectorName = Field(default=DetectorName.CENTERFACE, strict=False)
    """Face detector. `centerface`: fast, closes the hard shot; `centerface-large`: the same looking twice as finely,
    for small faces, three times slower; `mmod`: dlib's CNN as ONNX (the paper's weights); `dlib`: the same
    through the dlib package (extra `dlib`, slow); `blazeface`: MediaPipe's (extra `nfbl`)."""
    evidence: DetectorName | None = Field(default=None, strict=False)
    """A second detector whose boxes are added to the first one's (it can remove or shrink none), or null."""
    evidence_every: Annotated[int, Field(ge=1, le=100)] = 5
    """The second detector looks at every n-th frame (count); the first one looks at every frame."""
    start_score: Share = 0.5
    """Score at which a face track starts (0-1; CenterFace scale). Lower masks more. Source: measured policy A2."""
    continue_score: Share = 0.15
    """Score at which a known face continues (0-1). Source: measured policy A2."""
    mask: MaskStyle = Field(default=MaskStyle.SOLID, strict=False)
    """Mask style. `solid` is the safe one; `gaussian` is the paper's and can be undone when weak."""
    grow_side: Share = 0.20
    """Mask growth to each side, share of the face's width. Source: measured policy A2."""
    grow_up: Share = 0.35
    """Mask growth upwards (hair), share of the face's height. Source: measured policy A2."""
    grow_down: Share = 0.12
    """Mask growth downwards (chin), share of the face's height. Source: measured policy A2."""
    feather: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Soft rim outside the hard mask, share of its shorter side; what is inside the hard mask stays as it is."""
    lookback_s: Annotated[float, Field(ge=0.0, le=5.0)] = 0.5
    """Delay before a frame is released, so that a face found late masks the frames before it (s)."""
    hold_s: Annotated[float, Field(ge=0.0, le=10.0)] = 0.5
    """How long a lost face's mask stays, growing (s). 15 frames at 30 fps close the hard shot."""
    link_s: Annotated[float, Field(ge=0.0, le=10.0)] = 0.58
    """Longest time between two sightings that are one face, masked all the way between (s). 16 missing frames."""
    stale_frames: Annotated[int, Field(ge=1, le=100)] = 5
    """Frames without an answer from the detector after which whole frames are masked (count)."""
    detector_timeout_s: Seconds = 2.0
    """Wall time after which a detector that does not answer counts as failed (s)."""

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.continue_score > self.start_score:
            msg = f"continue_score {self.continue_score} must not be above start_score {self.start_score}"
            raise ValueError(msg)
        return self


class VoiceSettings(Section):
    """Altering the voice (McAdams coefficient λ: pole angles θ become θ^λ)."""

    mode: VoiceMode = Field(default=VoiceMode.LEVEL_MATCHED, strict=False)
    """`level-matched` keeps each frame's energy; `reference` equals the VoicePrivacy 2024 baseline B2, limited to full
    scale; `features-only` keeps no sound at all, prosody is measured and the sound let go; `drop` does not even
    listen."""
    coefficient: Annotated[float, Field(ge=0.3, le=1.0)] | None = None
    """Fixed λ. None (default) draws it anew for each pause-delimited segment; a fixed λ is easily attacked."""
    coefficient_range: tuple[float, float] = Field(default=(0.5, 0.9), strict=False)
    """Range λ is drawn from, uniform, by the operating system's generator. Source: VoicePrivacy 2024."""
    pause_s: Seconds = 0.5
    """Silence that ends a segment (s)."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        low, high = self.coefficient_range
        if not 0.3 <= low < high <= 1.0:
            msg = f"coefficient_range {low}..{high} must rise within 0.3..1.0"
            raise ValueError(msg)
        return self


class HorizonSettings(Section):
    """How much of the session is kept in memory."""

    dense_s: Seconds = 120.0
    """Length of the dense recent part (s)."""
    frame_rate_hz: Annotated[float, Field(gt=0.0, le=60.0)] = 4.0
    """Frames kept per second in the dense part (1/s). Movement needs about 4, a describer 1."""
    frame_long_side_px: Annotated[int, Field(ge=64, le=4096)] = 448
    """Longer side of kept frames (px). 448 suits today's vision models."""
    jpeg_quality: Annotated[int, Field(ge=30, le=100)] = 80
    """JPEG quality of kept frames (30-100)."""
    max_mbytes: Annotated[int, Field(ge=8)] = 256
    """Ceiling for all buffers together (MiB)."""
    session_frames: Annotated[int, Field(ge=32)] = 512
    """Frames kept for the whole session, thinned so that they stay uniform (count)."""
    session_clips: Annotated[int, Field(ge=8)] = 128
    """Two-second audio clips kept for the whole session, thinned likewise (count)."""


class WindowSettings(Section):
    """When the describer and the judge are called, and on what."""

    local_s: Annotated[float, Field(ge=4.0)] = 32.0
    """Length of a local window (s): 32 frames at one a second."""
    local_every_s: Annotated[float, Field(ge=0.0)] = 15.0
    """Period of local windows (s); 0: no local windows, also none woken early."""
    global_every_s: Annotated[float, Field(ge=0.0)] = 60.0
    """Period of windows over the whole session (s); 0 judges the whole session once, at its end."""
    first_s: Seconds = 10.0
    """Media time before the first window (s): less holds too little to judge."""
    frames: Annotated[int, Field(ge=1, le=512)] = 32
    """Frames of the evidence, uniform in the window (M). Source: EALD-MLLM."""
    clips: Annotated[int, Field(ge=0, le=512)] = 8
    """Two-second audio clips of the evidence (S). Source: Video-LLaMA's table of 8."""
    min_coverage: Share = 0.5
    """Below this share of window time seen or heard, the window abstains without a call."""
    wake_weight: Annotated[float, Field(ge=0.0)] = 2.0
    """Summed score of new NFBL events that calls a local window early (0: never)."""
    wake_cooldown_s: Seconds = 10.0
    """Least time between windows when woken early (s)."""
    deadline_s: Seconds = 40.0
    """Total wall time for describing and judging one window (s); later it abstains."""
    max_calls_per_hour: Annotated[int, Field(ge=0)] = 0
    """Budget of judged windows per hour of media time (0: no limit)."""
    skip_unchanged: bool = True
    """Do not ask a model again while nothing happens: no body language, no speech, hardly a movement since the window
    before. The estimate is carried on and ages. The embedded heuristics cost nothing and are always asked."""


class EstimateSettings(Section):
    """How verdicts become the running estimate."""

    prior_positive: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Probability of positive before any verdict. Neutral; EALD itself is 73 % positive."""
    temper: Annotated[float, Field(gt=0.0, le=1.0)] = 0.12
    """Factor on the judge's log-odds until calibrated: a stated 0.8 then counts as 0.54. Source: EALD table."""
    correlation: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Assumed lag-1 correlation r of a judge's errors; evidence is scaled by (1-r)/(1+r)."""
    cap_logit: Annotated[float, Field(gt=0.0)] = 2.2
    """Ceiling of the log-odds until the judge is calibrated (2.2 is 90 %); its calibration brings its own."""
    half_life_s: Seconds = 62.0
    """Half-life of the current track (s): 90 s time constant."""
    calibration: str | None = None
    """File that `emotion-monitor calibrate` made for this describer and judge, or null: uncalibrated."""
    uncertain_band: tuple[float, float] = Field(default=(0.4, 0.6), strict=False)
    """Between these probabilities the answer is `uncertain`."""

    @model_validator(mode="after")
    def _band(self) -> Self:
        low, high = self.uncertain_band
        if not 0.0 <= low < high <= 1.0:
            msg = f"uncertain_band {low}..{high} must rise within 0..1"
            raise ValueError(msg)
        return self


class NfblSettings(Section):
    """The body-language feed."""

    source: str = "live"
    """`live`: detected in the raw frames, in memory (extra `nfbl`); without its models the feed is off and says why.
    A path: a replayed annotation file. `live+PATH`: both. `off`: none."""
    annotations: str | None = None
    """What the file cannot say of itself: `format`, `fps`, `base` (0 or 1), `tier`, `clip`, as `fps=25,base=1`."""
    model: str | None = None
    """Folder of a skeleton model (ONNX with its manifest) that takes the place of the rules, or null."""
    rate_hz: Annotated[float, Field(ge=2.0, le=15.0)] = 10.0
    """Looks a second of media time (Hz); touches are found down to 2, shrugs need 10 (the body is looked at five
    times a second)."""
    mirrored: bool = False
    """The picture is mirrored (a selfie camera): left and right change places."""
    holding_object: bool = False
    """The person holds a microphone, cup or phone: a closed hand at mouth, jaw or neck is then never a touch."""
    niceness: Annotated[int, Field(ge=0, le=19)] = 5
    """How far the engine's process stands back on a busy machine, 0-19 as of `nice`."""


class IngestSettings(Section):
    """Bounds of the edges between capture, de-identification and the horizon."""

    video_items: Annotated[int, Field(ge=1)] = 32
    """Raw frames waiting for de-identification (count)."""
    audio_items: Annotated[int, Field(ge=1)] = 256
    """Raw audio blocks waiting (count)."""
    max_age_s: Seconds = 1.0
    """Age at which a waiting live frame is dropped (s); replays at max speed wait instead."""


class Settings(Section):
    """All settings of one session."""

    faces: FaceSettings = FaceSettings()
    """Finding and masking faces."""
    voice: VoiceSettings = VoiceSettings()
    """Altering the voice."""
    nfbl: NfblSettings = NfblSettings()
    """The body-language feed."""
    horizon: HorizonSettings = HorizonSettings()
    """What is kept in memory."""
    windows: WindowSettings = WindowSettings()
    """When and what is judged."""
    estimate: EstimateSettings = EstimateSettings()
    """From verdicts to the running estimate."""
    ingest: IngestSettings = IngestSettings()
    """Bounds between stages."""
    live: LiveSettings = LiveSettings()
    """Live sources: stalls and reconnects."""
    camera: CameraSettings = CameraSettings()
    """Cameras."""
    mic: MicSettings = MicSettings()
    """Microphones."""
    network: NetworkSettings = NetworkSettings()
    """Network streams."""
    webrtc: WebrtcSettings = WebrtcSettings()
    """Browsers (WHIP)."""
    mllm: MllmSettings = MllmSettings()
    """The server that describes."""
    llm: LlmSettings = LlmSettings()
    """The server that judges."""
    video_llama: VideoLlamaSettings = VideoLlamaSettings()
    """Video-LLaMA in this process."""
    transformers: TransformersSettings = TransformersSettings()
    """A model of the package transformers in this process."""
    cassette: CassetteSettings = CassetteSettings()
    """Recorded answers of models."""
    journal: JournalSettings = JournalSettings()
    """The journal."""
    outputs: OutputSettings = OutputSettings()
    """What leaves the terminal: MQTT, a page, webhooks, metrics."""
    describer: Literal["auto", "cues", "openai", "transformers", "video_llama"] = "auto"
    """Stage 2. `cues`: embedded heuristic, no model, no network; `openai`: a server (`mllm`); `video_llama` and
    `transformers`: a model in this process; `auto`: `openai` where `mllm.url` is set, else `cues`."""
    judge: Literal["auto", "cues", "openai"] = "auto"
    """Stage 3. `cues`: embedded heuristic, uncalibrated; `openai`: a server (`llm`); `auto`: `openai` where `llm.url`
    or `mllm.url` is set, else `cues`."""
    seed: int | None = None
    """Seed for everything random, for tests and cassettes only: a seeded voice can be undone."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.windows.local_s > self.horizon.dense_s:
            msg = (
                f"windows.local_s {self.windows.local_s:g} needs horizon.dense_s of at least as much, "
                f"not {self.horizon.dense_s:g}"
            )
            raise ValueError(msg)
        describing_s = 0.0 if self.mllm.url is None else self.mllm.timeout_s
        judging_s = 0.0 if self.mllm.url is None and self.llm.url is None else self.llm.timeout_s
        if describing_s + judging_s > self.windows.deadline_s:
            msg = (
                f"mllm.timeout_s {self.mllm.timeout_s:g} and llm.timeout_s {self.llm.timeout_s:g} need "
                f"windows.deadline_s of at least {describing_s + judging_s:g}, not {self.windows.deadline_s:g}"
            )
            raise ValueError(msg)
        return self
