"""The tree of topics: the one place that knows what each is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ONLINE: Final = "online"
OFFLINE: Final = "offline"
"""What availability says; Home Assistant's defaults, and nothing else is ever published there."""

ON: Final = "ON"
OFF: Final = "OFF"
"""What switches say and take."""


@dataclass(frozen=True, slots=True)
class StreamTopics:
    """Topics of one stream; `name` is its slug and `root` what they all begin with."""

    root: str
    name: str

    @property
    def availability(self) -> str:
        """Whether its source delivers: `online` or `offline`, retained."""
        return f"{self.root}/availability"

    @property
    def state(self) -> str:
        """The running estimate, retained."""
        return f"{self.root}/state"

    @property
    def nfbl(self) -> str:
        """Body language, an event each."""
        return f"{self.root}/nfbl"

    @property
    def verdict(self) -> str:
        """Judged windows, an event each."""
        return f"{self.root}/verdict"

    @property
    def description(self) -> str:
        """The describer's words, an event each; only where words are published."""
        return f"{self.root}/description"

    @property
    def preview(self) -> str:
        """Masked pictures as JPEG, while they are switched on."""
        return f"{self.root}/preview"

    @property
    def enabled_state(self) -> str:
        """`OFF` while the stream is paused for privacy, retained."""
        return f"{self.root}/enabled/state"

    @property
    def enabled_set(self) -> str:
        """Pauses and resumes."""
        return f"{self.root}/enabled/set"

    @property
    def preview_state(self) -> str:
        """Whether pictures are published, retained."""
        return f"{self.root}/preview/state"

    @property
    def preview_set(self) -> str:
        """Switches pictures on and off."""
        return f"{self.root}/preview/set"


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of one installation: `node` under `base`."""

    base: str
    node: str

    @property
    def root(self) -> str:
        """What all of them begin with."""
        return f"{self.base}/{self.node}"

    @property
    def availability(self) -> str:
        """Whether the program runs and is connected: `online` or `offline` (also by the will), retained."""
        return f"{self.root}/availability"

    @property
    def info(self) -> str:
        """What this is: version, streams, models, and why it stopped; retained."""
        return f"{self.root}/info"

    @property
    def stats(self) -> str:
        """Figures of health."""
        return f"{self.root}/stats"

    def stream(self, name: str) -> StreamTopics:
        """Topics of the stream of that name."""
        return StreamTopics(f"{self.root}/streams/{name}", name)

    @property
    def requests(self) -> str:
        """A filter for all requests."""
        return f"{self.root}/request/+"

    def request(self, command: str) -> str:
        """Where `command` is asked for."""
        return f"{self.root}/request/{command}"

    def response(self, command: str) -> str:
        """Where `command` is answered."""
        return f"{self.root}/response/{command}"

    def discovery(self, prefix: str, stream: str) -> str:
        """Where Home Assistant, which listens under `prefix`, is told of a stream.

        Node and stream are levels of their own: names may hold any sign that could join them.
        """
        return f"{prefix}/device/{self.node}/{stream}/config"


def home_assistant_status(prefix: str) -> str:
    """Where Home Assistant says that it has come up."""
    return f"{prefix}/status"
