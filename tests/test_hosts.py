"""Who an endpoint on loopback answers: requests for its own names, and none that another name led there."""

from __future__ import annotations

import pytest

from serving.address import Place
from serving.hosts import meant

pytestmark = pytest.mark.unit

HERE = Place("127.0.0.1", 9464)


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "localhost:9464", "LOCALHOST:9464", "[::1]:9464"])
def test_its_own_names_are_meant(host: str) -> None:
    assert meant(host, HERE)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example:9464", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:9464", "127.0.0.1:9464@x"],
)
def test_other_names_and_ports_are_not(host: str | None) -> None:
    assert not meant(host, HERE)


def test_a_loopback_address_of_ones_own_is_meant_too() -> None:
    assert meant("127.0.0.9:9464", Place("127.0.0.9", 9464))
    assert not meant("127.0.0.9:9464", HERE)


def test_the_usual_port_may_be_left_out() -> None:
    assert meant("localhost", Place("127.0.0.1", 80))
    assert meant("localhost", Place("127.0.0.1", 443, tls=True))
    assert not meant("localhost", Place("127.0.0.1", 443))
