"""TLS, and reloading of certificates, tokens and origins."""

import asyncio
import json
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from streamstt.config.server import ServerSettings as Settings
from streamstt.server.server import CaptionServer
from tests.support.captions import make_hub
from tests.support.certificates import issue_certificate
from tests.support.daemon import DATA, captions, command, environment, exchange, get, receive, receive_until
from tests.support.forked import Daemon, run, start
from tests.support.http_server import NoIngest


async def test_tls(script: list[str], tmp_path: Path) -> None:
    """With a certificate, pages use https and captions wss; plain HTTP gets no reply and does no harm."""
    chain, key = issue_certificate(trustme.CA(), tmp_path)
    options = ("--set", f"server.tls_certificate={chain}", "--set", f"server.tls_key={key}")
    with Daemon(*script, "--source", f"file:{DATA / 'long_sentence.flac'}", "--loop", *options) as daemon:
        assert daemon.url.startswith("https://")
        trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        assert (await asyncio.to_thread(get, f"{daemon.url}/healthz", trust))[0] == 200
        async with captions(daemon, ssl=trust) as viewer:
            assert (await receive_until(viewer, "partial"))[0]["type"] == "hello"
        assert exchange(daemon, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
        ca = str(tmp_path / "ca.pem")
        untrusted = await asyncio.to_thread(run, "listen", daemon.url)
        assert "certificate" in untrusted.stderr
        listening = command("listen", daemon.url, "--ca", ca, "--json")
        process = start(listening, env=environment(), stdout=subprocess.PIPE)
        with process.stdout as lines:
            assert json.loads(await asyncio.to_thread(lines.readline))["type"] == "hello"
            process.kill()
        process.wait()
        config = tmp_path / "own.toml"
        port = daemon.url.rpartition(":")[2]
        config.write_text(f'[server]\nport = {port}\ntls_certificate = "{chain}"\n')
        process = start(command("listen", "--json", "--config", str(config)), env=environment(), stdout=subprocess.PIPE)
        with process.stdout as lines:
            assert json.loads(await asyncio.to_thread(lines.readline))["type"] == "hello", (
                "its own certificate is trusted"
            )
            process.kill()
        process.wait()
        health = await asyncio.to_thread(run, "check", "--health", "--port", port)
        assert (health.returncode, health.stdout) == (0, "ready; model script\n")
        assert "Traceback" not in daemon.log


def test_bad_certificate(script: list[str], tmp_path: Path) -> None:
    """A missing file, an invalid one, or the key of another certificate: exit code 78, with the names of the files."""
    chain, _ = issue_certificate(trustme.CA(), tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = issue_certificate(trustme.CA(), other)
    invalid = tmp_path / "invalid.pem"
    invalid.write_text("no certificate")
    for cert, key in ((tmp_path / "none.pem", foreign), (invalid, foreign), (chain, foreign)):
        options = ("--set", f"server.tls_certificate={cert}", "--set", f"server.tls_key={key}")
        done = run("run", "--source", "ws", "--port", "0", *script, *options)
        assert done.returncode == 78
        assert str(cert) in done.stderr
        assert "Traceback" not in done.stderr


# ---- reload, of the real server in this process


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[CaptionServer, str]]:
    """Runs a server in this process; yields it and its address for viewers."""
    server = CaptionServer(settings, make_hub(), NoIngest())
    address = (await server.start()).replace("http", "ws", 1) + "captions"
    try:
        yield server, address
    finally:
        await server.drain()


async def test_new_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After a reload new clients get the new certificate; others stay. A broken one is reported and not used."""
    chain, key = issue_certificate(trustme.CA(), tmp_path)
    settings = Settings(port=0, tls_certificate=str(chain), tls_key=str(key))
    async with serving(settings) as (server, address):
        old = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        async with connect(address, ssl=old) as open_one:
            await receive(open_one)
            issue_certificate(trustme.CA(), tmp_path)
            server.reload(settings)
            new = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(address, ssl=old)
            async with connect(address, ssl=new) as viewer:
                await receive(viewer)
            issue_certificate(trustme.CA(), tmp_path)
            key.write_text("half writ")
            server.reload(settings)
            async with connect(address, ssl=new) as viewer:
                assert "old ones are in use" in str(server._hub.notices)
            await open_one.ping()
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR and r.name.startswith("streamstt")]
    assert str(key) in record.getMessage()


async def test_new_tokens_and_names(tmp_path: Path) -> None:
    """After a reload the old token is invalid and the new one valid; allowed origins change as well."""
    file = tmp_path / "tokens"
    file.write_text("viewer the-first-long-token\n")
    settings = Settings(port=0, require_token=True, token_file=str(file))
    async with serving(settings) as (server, address):
        async with connect(f"{address}?token=the-first-long-token") as viewer:
            await receive(viewer)
        file.write_text("viewer the-second-long-token\n")
        server.reload(settings.model_copy(update={"allowed_origins": ("https://a.example",)}))
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"{address}?token=the-first-long-token")
        async with connect(f"{address}?token=the-second-long-token", origin="https://a.example") as viewer:
            await receive(viewer)
        file.write_text("")
        server.reload(settings)
        async with connect(f"{address}?token=the-second-long-token", origin="https://a.example") as viewer:
            await receive(viewer)
