"""Settings of what leaves the terminal: MQTT, the page in the browser, webhooks, metrics. All are off by default.

None of them changes what is judged, so a session's name and the digest of its settings do not count them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from configs.endpoint_settings import EndpointSettings
from configs.section import Seconds, Section

SLUG: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""What names in topics, labels and addresses are made of."""

_TOPIC: Final = r"^[^+#/$\s\x00][^+#/\s\x00]{0,63}(/[^+#/\s\x00]{1,63}){0,7}$"

Slug = Annotated[str, Field(pattern=SLUG, json_schema_extra={"allowed": "up to 64 small letters, digits, - and _"})]
Topic = Annotated[
    str, Field(pattern=_TOPIC, json_schema_extra={"allowed": "up to 8 levels parted by /, without +, # and blanks"})
]


class MqttTlsSettings(Section):
    """TLS to the broker."""

    enabled: bool = False
    """Speak TLS."""
    ca_file: str | None = None
    """File with the certificate authority that signed the broker's certificate, or null: the system's."""
    certificate: str | None = None
    """File with the client's certificate, where the broker asks for one."""
    key: str | None = None
    """File with the client's private key."""
    insecure: bool = False
    """Do not check whom the broker's certificate names. Whoever is between can read along: for tests only."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            msg = "certificate and key belong together: give both or neither"
            raise ValueError(msg)
        if not self.enabled and (self.ca_file or self.certificate or self.insecure):
            msg = "ca_file, certificate and insecure need enabled=true"
            raise ValueError(msg)
        return self


class MqttSettings(Section):
    """Verdicts, body language and the running estimate to an MQTT broker (extra `mqtt`)."""

    enabled: bool = False
    """Publish."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The broker's name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The broker's port, or null: 1883, with TLS 8883."""
    username: str | None = None
    """Name to log in with, or null: none. A name needs a password."""
    password_env: str = "EMOTION_MONITOR_MQTT_PASSWORD"  # noqa: S105 - the name of a variable, no secret
    """Environment variable that holds the password."""
    password_file: str | None = None
    """File that holds the password instead."""
    tls: MqttTlsSettings = MqttTlsSettings()
    """TLS to the broker."""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """Version of MQTT; `auto` speaks 5 and falls back to 3.1.1 where the broker does not."""
    base_topic: Topic = "emotion-monitor"
    """First levels of every topic."""
    node: Slug | None = None
    """Name of this installation in topics, or null: one drawn once and kept (it says nothing of the machine). Two
    that publish at the same time must have different ones."""
    client_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Id at the broker, or null: base topic, node and a few random characters. Brokers allow each id once."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """Silence after which the broker is asked whether it is there, and after 1.5 times of which it says that we are
    gone (s)."""
    heartbeat_s: Seconds = 15.0
    """Period at which the running estimate is published also when nothing changed (s)."""
    stats_s: Seconds = 30.0
    """Period of the figures of health (s)."""
    rationale: bool = False
    """Publish the models' words too (why, and the description). They may say what somebody said."""
    preview: bool = False
    """Publish masked pictures from the start; the command `preview/set` changes it while running."""
    preview_every_s: Annotated[float, Field(ge=0.2, le=3600.0)] = 1.0
    """Period of masked pictures (s)."""
    commands: bool = True
    """Obey `enabled/set`, `preview/set` and `request/...`. Who may publish those topics is the broker's to decide."""
    discovery: bool = True
    """Tell Home Assistant what there is (MQTT device discovery)."""
    discovery_prefix: Topic = "homeassistant"
    """Home Assistant's discovery prefix."""
    drain_s: Annotated[float, Field(ge=0.0, le=600.0)] = 3.0
    """How long the end of a session waits for what is not acknowledged yet (s); the rest goes out with the next
    session."""


class WebSettings(EndpointSettings):
    """The page in the browser (extra `web`)."""

    enabled: bool = False
    """Serve it."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    """Port that is listened on; 0 takes a free one."""
    token_env: str = "EMOTION_MONITOR_WEB_TOKEN"  # noqa: S105 - the name of a variable, no secret
    """Environment variable that holds the token a viewer must present. On loopback none is needed; anywhere else one
    is drawn for the run where none is set."""
    preview: bool = True
    """Show masked pictures."""
    preview_rate_hz: Annotated[float, Field(gt=0.0, le=5.0)] = 4.0
    """Most pictures a second to each viewer (1/s)."""
    most_viewers: Annotated[int, Field(ge=1, le=400)] = 256
    """Viewers at a time; more are turned away (count). Each holds two connections."""


class MetricsSettings(EndpointSettings):
    """Figures for Prometheus (extra `metrics`)."""

    enabled: bool = False
    """Serve them, at `/metrics`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """Port that is listened on; 0 takes a free one. Source: OpenTelemetry's default for Prometheus exporters."""
    token_env: str = "EMOTION_MONITOR_METRICS_TOKEN"  # noqa: S105 - the name of a variable, no secret
    """Environment variable that holds the token a scraper must present. On loopback none is needed; anywhere else one
    must be set."""


class WebhookSettings(Section):
    """Verdicts and changes of state as signed HTTP requests (extra `webhook`; the form of Standard Webhooks)."""

    url: str | None = None
    """Address that is posted to, or null: none. Anything but loopback must be https."""
    secret_env: str = "EMOTION_MONITOR_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable, no secret
    """Environment variable that holds the secret requests are signed with (HMAC-SHA256)."""
    secret_file: str | None = None
    """File that holds the secret instead."""
    kinds: tuple[Literal["verdict", "estimate", "nfbl", "state"], ...] = Field(
        default=("verdict", "state"), strict=False
    )
    """What is sent: `verdict`, `estimate`, `nfbl`, and `state` (begin, end, links, gaps, stalls)."""
    rationale: bool = False
    """Send the models' words too. They may say what somebody said."""
    timeout_s: Seconds = 10.0
    """Total wall time of one request (s)."""
    retry_first_s: Seconds = 1.0
    """Wait before a request is tried again (s); it doubles with each failure, and a quarter of it is chance."""
    retry_most_s: Seconds = 300.0
    """Longest wait between two tries (s)."""
    drain_s: Annotated[float, Field(ge=0.0, le=600.0)] = 3.0
    """How long the end of a session waits for what is not acknowledged yet (s); the rest goes out with the next
    session."""


class OutputSettings(Section):
    """What leaves the terminal."""

    mqtt: MqttSettings = MqttSettings()
    """MQTT and Home Assistant."""
    web: WebSettings = WebSettings()
    """The page in the browser."""
    metrics: MetricsSettings = MetricsSettings()
    """Prometheus."""
    webhook: WebhookSettings = WebhookSettings()
    """Webhooks."""
