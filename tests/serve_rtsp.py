"""An RTSP server that plays a recording over and over, for tests: `serve_rtsp.py CLIP PORT NAME`.

GStreamer's bindings belong to the system's Python, so this runs as a process of its own and imports nothing of the
product. `ffmpeg` reads the clip at its own speed; the server lives until it is killed, and the reader with it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import gi  # type: ignore[import-not-found] # only the system's Python has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402 - versions come first

PIPELINE = (
    "( fdsrc fd={fd} do-timestamp=true ! tsdemux name=d "
    "d. ! queue ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 "
    "d. ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )"
)


class Looped(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc] # has no types
    """Media made of one clip; everybody who connects sees the same."""

    def __init__(self, clip: str) -> None:
        super().__init__()
        self.clip = clip
        self.set_shared(True)

    def do_create_element(self, _url: object) -> Any:  # noqa: ANN401 - GStreamer has no types
        command = ["ffmpeg", "-loglevel", "quiet", "-nostdin", "-re", "-stream_loop", "-1", "-i", self.clip]
        command += ["-c", "copy", "-f", "mpegts", "-muxdelay", "0", "-flush_packets", "1", "pipe:1"]
        self.reader = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.reader.stdout is not None
        return Gst.parse_launch(PIPELINE.format(fd=self.reader.stdout.fileno()))

    def do_configure(self, media: Any) -> None:  # noqa: ANN401 - the same
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        media.connect("unprepared", self._unprepared, self.reader)

    def _unprepared(self, _media: object, reader: subprocess.Popen[bytes]) -> None:
        reader.kill()
        reader.wait()


def main(clip: str, port: str, name: str) -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("0.0.0.0")
    server.set_service(port)
    server.get_mount_points().add_factory(f"/{name}", Looped(clip))
    server.attach(None)
    print("ready", flush=True)  # noqa: T201 - who started it waits for this line
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:4])
