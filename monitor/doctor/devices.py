"""PortAudio."""

from __future__ import annotations

from typing import Final

from monitor.doctor.probe import Section

SECTION: Final = Section("devices", __name__, ())
