"""Webhooks where the receiver is slow, mute, huge, dead or an impostor, and where this process is killed."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitor.snapshot import OutputState, OutputStatus
from tests.made_hook import Hooked, MadeHook, Says
from tests.made_journal import made_records
from tests.made_stream import MadeStream

pytestmark = pytest.mark.unit

THREE = made_records()[:3]
"""Of these the first and the third are posted."""


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def made(tmp_path: Path) -> MadeStream:
    return MadeStream(tmp_path / "journal.jsonl")


def status_after(made: MadeStream, url: str, **changed: object) -> OutputStatus:
    """What the operator sees once a record was tried and is not taken, and that the end does not wait for it."""

    async def main() -> OutputStatus:
        async with Hooked(made, url, {"drain_s": 0.1, "timeout_s": 0.3, **changed}) as hooked:
            made.say(*THREE)
            seen = await hooked.until(OutputState.DOWN)
            began_s = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began_s < 5.0
        return seen

    return asyncio.run(main())


def test_a_host_that_is_dead_is_told_and_holds_up_nothing(made: MadeStream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seen = status_after(made, f"http://127.0.0.1:{port}/hunter2")
    assert seen == OutputStatus(
        "webhook", OutputState.DOWN, "127.0.0.1 cannot be reached: connection refused; it is tried again", 2
    )
    assert made.told[-1].reason.startswith("2 records wait for the next session: 127.0.0.1 cannot be reached")


def test_a_name_that_nobody_has_is_told(made: MadeStream) -> None:
    seen = status_after(made, "https://nobody.invalid/hunter2", timeout_s=10.0)
    assert (seen.state, seen.waiting) == (OutputState.DOWN, 2)
    assert seen.reason == "nobody.invalid cannot be reached: its name is not known; it is tried again"


def test_a_receiver_that_never_answers_is_left_after_the_time_that_was_set(made: MadeStream) -> None:
    with MadeHook([Says(silent=True)]) as hook:
        seen = status_after(made, hook.url)
    assert seen.reason == "127.0.0.1 cannot be reached: no answer within 0.3 s; it is tried again"


def test_what_speaks_no_http_is_told(made: MadeStream) -> None:
    async def main() -> OutputStatus:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 10_000)
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            return await asyncio.to_thread(status_after, made, url)
        finally:
            server.close()

    seen = asyncio.run(main())
    assert seen.reason == "127.0.0.1 cannot be reached: the connection broke off; it is tried again"


@pytest.mark.parametrize(
    "answer",
    [
        Says(200, body=b"x" * 5_000_000),
        Says(200, {"content-length": "5000000"}, body=b"x" * 100, stalls=True),
        Says(200, {"content-encoding": "gzip"}, body=b"no gzip"),
        Says(200, {"set-cookie": "a=b"}),
    ],
    ids=["huge", "stalled", "packed", "cookie"],
)
def test_a_success_counts_whatever_the_answer_holds(made: MadeStream, answer: Says) -> None:
    async def main() -> None:
        async with Hooked(made, hook.url, {"timeout_s": 0.5}):
            made.say(*THREE)

    with MadeHook([answer]) as hook:
        asyncio.run(main())
        assert [posted.seq for posted in hook.posted] == [1, 3]
    assert made.told[-1].state is OutputState.UP
    assert all("cookie" not in posted.headers for posted in hook.posted)


def test_addresses_and_answers_stand_in_no_log(made: MadeStream, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), MadeHook([Says(500, body=b"she said no")]) as hook:
        status_after(made, hook.url)
    for told in ("hunter2", "she said no", *(status.reason for status in made.told)):
        assert told not in caplog.text or told == ""
    assert all("hunter2" not in f"{status}" for status in made.told)


def test_proxies_of_the_environment_are_not_asked(made: MadeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    with MadeHook() as proxy, MadeHook() as hook:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        async def main() -> None:
            async with Hooked(made, hook.url):
                made.say(*THREE)

        asyncio.run(main())
        assert proxy.posted == []
        assert len(hook.posted) == 2


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate that it made for itself, and the file that holds it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    found = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day.replace(year=2126))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "cert.pem"
    file.write_bytes(found.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, folder / "key.pem")
    return context, file


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(made: MadeStream, tmp_path: Path) -> None:
    context, _ = _certificate(tmp_path)
    with MadeHook(tls=context) as hook:
        seen = status_after(made, hook.url, timeout_s=5.0)
        assert hook.posted == []
    assert seen.reason.startswith("127.0.0.1 cannot be reached: its certificate cannot be trusted (self-signed")


def test_an_authority_of_the_system_is_trusted(
    made: MadeStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, file = _certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def main() -> None:
        async with Hooked(made, hook.url):
            made.say(*THREE)

    with MadeHook(tls=context) as hook:
        asyncio.run(main())
    assert [posted.seq for posted in hook.posted] == [1, 3]


def test_a_receiver_that_comes_back_is_told_and_waits_are_cut_short_at_the_end(made: MadeStream) -> None:
    async def main() -> None:
        async with Hooked(made, hook.url, {"retry_first_s": 600.0, "retry_most_s": 600.0}) as hooked:
            made.say(*THREE)
            await asyncio.to_thread(hook.wait_for, 1)
            await hooked.until(OutputState.DOWN)

    with MadeHook([Says(500), Says()]) as hook:
        asyncio.run(main())
    assert [posted.seq for posted in hook.posted] == [1, 1, 3]
    assert [status.state for status in made.told[-2:]] == [OutputState.DOWN, OutputState.UP]


_RUN = """
import asyncio, sys
from pathlib import Path
from tests.made_hook import Hooked
from tests.made_journal import made_records
from tests.made_stream import MadeStream

async def main():
    made = MadeStream(Path(sys.argv[1]), session=sys.argv[3])
    async with Hooked(made, sys.argv[2]):
        made.say(*made_records())
        if sys.argv[4] == "killed":
            await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_killed_process_loses_nothing_and_the_next_goes_on_where_it_was(tmp_path: Path) -> None:
    def begun(journal: str, session: str, how: str) -> subprocess.Popen[bytes]:
        arguments = [str(tmp_path / journal), hook.url, session, how]
        return subprocess.Popen([sys.executable, "-c", _RUN, *arguments], env={**os.environ, "PYTHONPATH": "."})

    with MadeHook(lambda _: Says() if len(hook.posted) < 11 else Says(503)) as hook:
        killed = begun("first.jsonl", "l-000000000000000a", "killed")
        hook.wait_for(15)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        before, hook.script = len(hook.posted), [Says()]
        assert begun("second.jsonl", "l-000000000000000b", "ended").wait(60) == 0
        first = [posted for posted in hook.taken if "000a-" in posted.id]
        second = [posted for posted in hook.taken if "000b-" in posted.id]
    assert [posted.seq for posted in first] == [posted.seq for posted in second]
    assert len(first) > 40
    assert len({posted.id for posted in hook.posted[:before]}) in {11, 12}
    assert [posted.event["data"]["late"] for posted in first] == [False] * 11 + [True] * (len(first) - 11)
    assert all(posted.genuine for posted in hook.posted)
