"""A sound server of a test's own: PulseAudio with a sink that nobody hears and a microphone that records it.

    with made_pulse() as pulse:
        pulse.play(path)      # what is played is what `mic:pulse` hears, in a process with `pulse.env`
        pulse.freeze()        # silent for as long as nobody thaws it
        pulse.kill()          # gone without a word

PortAudio reads the environment when it starts: set `pulse.env` before, or start it again. Skips where PulseAudio or
ALSA's way to it is absent (Debian: pulseaudio pulseaudio-utils libasound2-plugins libportaudio2).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from streams.clock import LiveClock

DEVICE = "pulse"
"""What PortAudio calls it; it never shows the names of the server's own sources."""

SINK_RATE_HZ = 48_000

_STARTS_S = 10.0


@dataclass(slots=True)
class Pulse:
    """A running server that lives in `folder`. `env` is what a program needs to find it, and nothing else."""

    folder: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes]
    players: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Play a sound file into the microphone; returns at once, `wait()` on the result waits for its end."""
        player = subprocess.Popen(["paplay", "--device=mic_sink", str(path)], env=os.environ | self.env)
        self.players.append(player)
        return player

    def freeze(self) -> None:
        """Stop the server as a debugger would: its clients wait."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word to its clients."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def made_pulse(folder: Path | None = None) -> Iterator[Pulse]:
    """Start a server in `folder` (None: a temporary one), and leave nothing of it behind.

    With the folder of an earlier server the new one listens at the same place.
    """
    if not shutil.which("pulseaudio") or not shutil.which("paplay"):
        pytest.skip("PulseAudio is absent: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    with tempfile.TemporaryDirectory(prefix="pa-") as made:
        # The path of a socket has room for a hundred characters: pytest's own folders are too deep.
        home = made if folder is None else str(folder)
        socket = Path(home, "native")
        socket.unlink(missing_ok=True)
        # Whoever is given this still finds its own files at home.
        env = {
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_SOURCE": "fake_mic",
            "PULSE_COOKIE": str(Path(home, "cookie")),
            "PULSE_RUNTIME_PATH": home,
        }
        pulse = Pulse(Path(home), env, _start(Path(home), env, socket))
        try:
            pulse.players.append(_steady(env))
            yield pulse
        finally:
            for process in (*pulse.players, pulse.process):
                process.kill()
                process.wait(10)


def _start(home: Path, env: dict[str, str], socket: Path) -> subprocess.Popen[bytes]:
    modules = [
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        f"module-null-sink sink_name=mic_sink rate={SINK_RATE_HZ} channels=1 channel_map=mono",
        "module-remap-source master=mic_sink.monitor source_name=fake_mic",
    ]
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit=yes", "--use-pid-file=no"]
    process = subprocess.Popen(
        ["pulseaudio", *options, *(part for module in modules for part in ("-L", module))],
        env={key: value for key, value in os.environ.items() if not key.startswith("PULSE_")}
        | dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"), str(home)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    clock = LiveClock()
    while not _has_the_source(env) and process.poll() is None and clock.now_s() < _STARTS_S:
        clock.sleep_until(clock.now_s() + 0.05)
    if process.poll() is not None:
        pytest.skip("PulseAudio does not start here")
    return process


def _steady(env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Silence played in small pieces: a sink that nobody hurries works half a second ahead, as no microphone can."""
    return subprocess.Popen(
        ["pacat", "--raw", "--device=mic_sink", "--latency-msec=20", "/dev/zero"],
        env=os.environ | env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _has_the_source(env: dict[str, str]) -> bool:
    try:
        sources = subprocess.run(
            ["pactl", "list", "short", "sources"], env=os.environ | env, capture_output=True, check=False, timeout=5
        )
    except subprocess.TimeoutExpired:
        return False
    return b"fake_mic" in sources.stdout
