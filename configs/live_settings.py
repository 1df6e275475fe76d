"""Settings of live sources: cameras, microphones, network streams and browsers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.endpoint_settings import EndpointSettings
from configs.section import Seconds, Section

WIDTH_BY_HEIGHT = r"^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$"


class LiveSettings(Section):
    """How long a live source may be silent, and how it is got back."""

    open_timeout_s: Seconds = 10.0
    """Wall time for one attempt to open a source (s)."""
    stall_after_s: Seconds = 2.0
    """Silence of a track after which the source counts as stalled and the screen says so (s)."""
    gap_after_s: Seconds = 4.0
    """Silence of a track after which media time goes on without it (s); what comes later for that time is left out."""
    dead_after_s: Seconds = 8.0
    """Silence of a track after which the source is closed and opened again (s)."""
    backoff_first_s: Seconds = 0.5
    """Wait before the second attempt (s); it doubles with each failure, and a quarter of it is chance."""
    backoff_most_s: Seconds = 30.0
    """Longest wait between two attempts (s)."""
    give_up_after_s: Seconds | None = None
    """Time without the source after which it is lost for good and the session ends, exit code 3 (s); null: never."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.stall_after_s <= self.gap_after_s <= self.dead_after_s:
            msg = (
                f"stall_after_s {self.stall_after_s:g}, gap_after_s {self.gap_after_s:g} and dead_after_s "
                f"{self.dead_after_s:g} must rise"
            )
            raise ValueError(msg)
        if self.backoff_first_s > self.backoff_most_s:
            msg = f"backoff_first_s {self.backoff_first_s:g} must not be above backoff_most_s {self.backoff_most_s:g}"
            raise ValueError(msg)
        return self


class CameraSettings(Section):
    """What is asked of a camera; it may give something else, and then says what."""

    size: (
        Annotated[str, Field(pattern=WIDTH_BY_HEIGHT, json_schema_extra={"allowed": "a size such as 1280x720"})] | None
    ) = "1280x720"
    """Picture size in pixels, or null: the camera's own choice."""
    rate_hz: Annotated[float, Field(gt=0.0, le=240.0)] | None = 30.0
    """Pictures a second, or null: the camera's own choice."""
    format: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    """Pixel format or codec as libav calls it (`mjpeg`, `yuyv422`), or null: the camera's own choice."""


class MicSettings(Section):
    """What is asked of a microphone."""

    rate_hz: Annotated[int, Field(ge=8000, le=192_000)] | None = None
    """Sample rate, or null: the device's own. Whatever it is, sound is resampled to 16 kHz."""
    channels: Annotated[int, Field(ge=1, le=64)] | None = None
    """Channels that are recorded and mixed to one, or null: at most two."""
    host_api: str | None = None
    """Name of the host API (`ALSA`, `Core Audio`, `Windows WASAPI`) where several offer a device of one name."""


class NetworkSettings(Section):
    """Streams over the network."""

    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP media travel; over UDP what is lost stays lost."""
    low_delay: bool = True
    """Look at less of a stream before playing it: starts sooner; off for streams whose tracks are found late."""


class WebrtcSettings(EndpointSettings):
    """The WHIP endpoint to which a browser publishes."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8889
    """Port that is listened on; 0 takes a free one."""
    token_env: str = "EMOTION_MONITOR_WEBRTC_TOKEN"  # noqa: S105 - the name of a variable, no secret
    """Environment variable that holds the token a publisher must present; without it one is drawn for the session."""
    ice_servers: tuple[str, ...] = Field(default=(), strict=False)
    """STUN and TURN servers (`stun:host:port`, `turn:user:secret@host:port`); none on a local network."""
    max_sdp_kbytes: Annotated[int, Field(ge=4, le=1024)] = 64
    """Longest offer that is read (KiB)."""
