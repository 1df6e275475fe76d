"""Drives a headless Chromium over its DevTools pipe: real clicks, a made or a real clip as camera and microphone.

    with Browser(camera=y4m, microphone=wav, profile=tmp_path) as browser:
        browser.open(url)
        browser.click("#look")
        browser.wait("document.querySelector('video').srcObject !== null")

Nothing but the standard library: commands and answers are JSON objects, each ended by a zero byte, on two pipes.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from streams.clock import monotonic_s

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",  # answers the browser's own question; the page's consent box stays to be ticked
)

LAUNCH = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The pipes are numbers 3 and 4 in the browser, whatever they are here."""


class Browser:
    """See the module. Leaving the block kills it and everything it started."""

    def __init__(
        self,
        *,
        profile: Path,
        camera: Path | None = None,
        microphone: Path | None = None,
        size: tuple[int, int] = (1280, 1000),
        more: Sequence[str] = (),
        prefix: Sequence[str] = (),
    ) -> None:
        """`prefix` goes before the browser's own command (another network namespace)."""
        if CHROMIUM is None:
            pytest.skip("no chromium is installed")
        flags = [*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}", *more]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        if camera is not None:
            flags.append(f"--use-file-for-fake-video-capture={camera}")
        if microphone is not None:
            flags.append(f"--use-file-for-fake-audio-capture={microphone}")
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-c", LAUNCH, str(commands), str(answers), CHROMIUM, *flags],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.console: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._attach()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _attach(self) -> None:
        targets = self.send("Target.getTargets")["targetInfos"]
        pages = [target["targetId"] for target in targets if target["type"] == "page"]
        target = pages[0] if pages else self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        os.close(self._write)
        os.close(self._read)

    def kill(self) -> None:
        """End it as a crash does: SIGKILL to all its processes."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def send(self, method: str, within_s: float = 20.0, **parameters: object) -> Any:  # noqa: ANN401 - JSON
        """The result of one DevTools command."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until_s = monotonic_s() + within_s
        while True:
            answer = self._next(until_s - monotonic_s(), method)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self.send("Page.navigate", url=url)
        self.wait(
            f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url.partition('#')[0])})"
        )

    def tell(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """The value of an expression in the page."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, expression: str, within_s: float = 20.0) -> float:
        """Wait until an expression is true in the page; returns how long that took (s)."""
        begun_s = monotonic_s()
        looks = threading.Event()
        while not self.tell(expression):
            assert monotonic_s() - begun_s < within_s, (expression, self.tell("document.body.innerText"), self.console)
            looks.wait(0.05)
        return monotonic_s() - begun_s

    def click(self, selector: str) -> None:
        """Press the mouse button over the middle of an element, as a person would."""
        place = json.dumps(selector)
        self.tell(f"document.querySelector({place}).scrollIntoView({{block: 'center'}})")
        x, y = self.tell(
            f"(() => {{ const b = document.querySelector({place}).getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press a key: Tab, Enter, an arrow to the right or a space."""
        text: dict[str, Any] = {"text": {"Enter": "\r"}.get(key, key)} if key in {"Enter", " "} else {}
        code = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}[key]
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def said(self) -> tuple[str, str]:
        """The state of the page, and what it says of it."""
        state, text = self.tell(
            "[document.getElementById('state').dataset.state, document.getElementById('said').textContent]"
        )
        return str(state), str(text)

    def picture(self, path: Path, *, dark: bool) -> None:
        """A PNG of the whole page in one of its themes."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _next(self, within_s: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, within_s))
            assert ready, f"the browser did not answer {method}"
            more = os.read(self._read, 1 << 16)
            assert more, f"the browser ended before it answered {method}"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
        elif event.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.console.append(told["entry"]["text"])


def clip_as_devices(clip: Path, folder: Path, *, size: str = "640x480", seconds: float = 8.0) -> tuple[Path, Path]:
    """A Y4M and a WAV file that Chromium plays round and round as camera and microphone."""
    camera, microphone = folder / "camera.y4m", folder / "microphone.wav"
    picture = ["-an", "-vf", f"scale={size.replace('x', ':')},fps=25", "-pix_fmt", "yuv420p", str(camera)]
    sound = ["-vn", "-ac", "1", "-ar", "48000", str(microphone)]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-t", str(seconds), "-i", str(clip)]
    for outputs in (picture, sound):
        subprocess.run([*command, *outputs], check=True, timeout=60)
    return camera, microphone
