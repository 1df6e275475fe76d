"""Why a device could not be opened or broke off, and what to do about it, in one short phrase."""

from __future__ import annotations

import errno
import sys
from typing import Final

from av.error import FFmpegError

_CAMERA: Final = {
    errno.ENOENT: "is not there; plug it in",
    errno.ENODEV: "was unplugged; plug it in again",
    errno.ENXIO: "was unplugged; plug it in again",
    errno.EBUSY: "is used by another program; close that one",
    errno.ENOTTY: "is no camera; `emotion-monitor devices` lists the cameras",
    errno.EIO: "does not answer; unplug it and plug it in again",
    errno.ETIMEDOUT: "does not answer; unplug it and plug it in again",
    errno.ENOSPC: "gets too little of the USB bus; plug it into another port or ask for a smaller size (camera.size)",
    errno.ENOMEM: "gets no memory from its driver; ask for a smaller size (camera.size)",
    errno.EPROTO: "and its cable do not get on; try another cable or port",
    errno.EINVAL: "refuses every mode that was asked for; `emotion-monitor devices` lists its modes",
}
_CAMERA[errno.EACCES] = _CAMERA[errno.EPERM] = (
    "may not be opened; add yourself to the group video (sudo usermod -aG video $USER), then log in again"
)

_PRIVACY: Final = {
    "darwin": "allow this terminal in System Settings > Privacy & Security > {kind}",
    "win32": "allow desktop apps in Settings > Privacy & security > {kind}",
}
"""Where the systems that ask people for permission keep the answer."""


def refused(error: OSError | FFmpegError) -> str:
    """What an error of the system or of libav means for a camera; the phrase follows its name."""
    if error.errno in {errno.EACCES, errno.EPERM, errno.EIO} and sys.platform in _PRIVACY:
        return f"may not be used or does not answer; {privacy('Camera')}, close other programs that use it"
    return _CAMERA.get(error.errno or 0) or f"cannot be read ({str(error.strerror or 'no reason given').lower()})"


def privacy(kind: str) -> str:
    """The remedy where a system asks for permission: `kind` is `Camera` or `Microphone`. Empty where none does."""
    return _PRIVACY.get(sys.platform, "").format(kind=kind)


def no_camera() -> str:
    """What to do where there is no camera at all."""
    hint = privacy("Camera")
    if hint:
        return f"no camera: plug one in, {hint}"
    return (
        "no camera: plug one in and look with `ls -l /dev/video*`; a container needs --device /dev/video0, "
        "a virtual machine the camera passed through"
    )


def no_microphone(hosts: str) -> str:
    """What to do where there is no microphone at all; `hosts` are the host APIs that were asked."""
    asked = f" (asked: {hosts})" if hosts else ""
    hint = privacy("Microphone")
    if hint:
        return f"no microphone{asked}: plug one in, {hint}"
    return (
        f"no microphone{asked}: plug one in and look with `arecord -l`; where a sound server runs it must run for this "
        "user (`pactl info`, libasound2-plugins for ALSA's way to it); a container needs --device /dev/snd"
    )
