"""Live streams from real servers: web radio (Icecast), HLS and RTMP (nginx), SRT (FFmpeg) and RTSP (GStreamer)."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from streamstt.audio.format import SAMPLE_RATE
from streamstt.audio.network_stream import NetworkStream
from streamstt.errors import SourceError
from tests.support.brokers import free_port
from tests.support.daemon import DATA, WITHIN_S, captions, get, receive, text_of, write_script
from tests.support.forked import Daemon, WhisperDaemon
from tests.support.stream_servers import StreamServer
from tests.support.word_errors import word_error_rate

KINDS = ("radio", "hls", "rtmp", "rtsp")
SECRET = "swordfish-1234"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, StreamServer]]:
    """A running server of each kind."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(StreamServer(kind, tmp_path_factory.mktemp(kind), DATA / "short.flac"))
            for kind in KINDS
        }


def with_secret(url: str) -> str:
    """Adds a user name, a password and a token to an address."""
    return f"{url.replace('://', f'://me:{SECRET}@')}?token={SECRET}"


async def test_streams_are_lost_and_found(servers: dict[str, StreamServer], tmp_path: Path) -> None:
    """Each stream is captioned. When its server dies, that is told, and it is captioned again, at its true time, once
    the server is back, without anybody's help. No address with its password is in the log, a status or the health."""
    urls = {kind: server.url for kind, server in servers.items()}
    urls["radio"] = with_secret(urls["radio"])
    sources = [f'[[source]]\ninput = "url:{url}"\nname = "{kind}"\nwait = "yes"\n' for kind, url in urls.items()]
    (tmp_path / "streamstt.toml").write_text("".join(sources))
    options = [*write_script(tmp_path), "--config", str(tmp_path / "streamstt.toml")]
    with Daemon(*options) as daemon:
        async with captions(daemon) as viewer:
            seen = await until_each(viewer, lambda m: m["type"] == "partial")
            killed_at = time.monotonic()
            for server in servers.values():
                server.kill()
            seen += await until_each(viewer, lambda m: m.get("state") == "lost")
            health = await asyncio.to_thread(get, f"{daemon.url}/healthz")
            for server in servers.values():
                server.start()
            found = await until_each(viewer, lambda m: m.get("state") == "listening")
            found += await until_each(viewer, lambda m: m["type"] == "partial")
            away_s = time.monotonic() - killed_at
        assert daemon.stop() == 0
    for kind in KINDS:
        gaps = [m for m in found if m["type"] == "gap" and m["source"] == kind]
        assert 0 < sum(gap["end"] - gap["start"] for gap in gaps) < away_s + 5, f"{kind}: {gaps}"
        assert f"{kind} is not there: " in health[1]
    assert SECRET not in daemon.log + health[1] + json.dumps(seen + found)


async def until_each(viewer: Any, wanted: Any) -> list[dict[str, Any]]:
    """Returns all messages until ``wanted`` has accepted one of each source."""
    messages: list[dict[str, Any]] = []
    missing = set(KINDS)
    deadline = time.monotonic() + WITHIN_S
    while missing:
        assert time.monotonic() < deadline, f"{missing}: {messages[-10:]}"
        messages.append(await receive(viewer))
        if messages[-1].get("source") in missing and wanted(messages[-1]):
            missing.remove(messages[-1]["source"])
    return messages


async def test_words_of_a_web_radio(servers: dict[str, StreamServer]) -> None:
    """What is said on the radio is captioned with real weights."""
    with WhisperDaemon("--source", f"url:{servers['radio'].url}", "--language", "en") as daemon:
        async with captions(daemon) as viewer:
            hello = await receive(viewer)
            assert [s["name"] for s in hello["sources"]] == [f"url-127.0.0.1-{servers['radio'].port}"]
            final = {"text": ""}
            while word_error_rate(text_of("short"), final["text"]) > 0.2:
                message = await receive(viewer)
                final = message if message["type"] == "final" else final
        assert daemon.stop() == 0


# ---- one stream, without a daemon


def test_what_is_sent_at_once_is_kept(servers: dict[str, StreamServer]) -> None:
    """Icecast sends the last seconds at once: they are one block that ends now. From then on no block is missing."""
    stream = NetworkStream(servers["radio"].url)
    stream.open()
    first = stream.read(threading.Event())
    assert first
    end = first.end
    while end < first.end + SAMPLE_RATE:
        block = stream.read(threading.Event())
        assert block
        assert block.start == end
        end = block.end
    stream.close()
    assert first.start == 0
    assert len(first.samples) > SAMPLE_RATE, "the burst"


@pytest.mark.parametrize(
    ("kind", "change", "why"),
    [
        ("radio", lambda url: url + "-nosuch", "knows no such stream (404)"),
        ("radio", lambda url: url.replace("/radio", "/members"), "requires a user name and a password"),
        ("rtsp", lambda url: url + "-nosuch", "knows no such stream (404)"),
        ("radio", lambda url: re.sub(r":\d+/", f":{free_port()}/", url), "refused"),
        ("radio", lambda url: url.replace("127.0.0.1", "nosuch.invalid"), "there is no host nosuch.invalid"),
    ],
)
def test_what_is_wrong(servers: dict[str, StreamServer], kind: str, change: Any, why: str) -> None:
    """A stream that cannot be opened fails with a sentence that says why, without the secrets of its address."""
    with pytest.raises(SourceError) as caught:
        NetworkStream(with_secret(change(servers[kind].url))).open()
    assert why in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_stream(servers: dict[str, StreamServer]) -> None:
    """A playlist cannot make the daemon read a file of this machine; what is no stream is refused."""
    playlists = servers["hls"].folder / "playlists"
    (playlists / "evil.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{DATA / 'short.flac'}\n#EXT-X-ENDLIST\n"
    )
    (playlists / "page.html").write_text("<!DOCTYPE html><title>No stream</title>" * 100)
    for name in ("evil.m3u8", "page.html"):
        with pytest.raises(SourceError) as caught:
            NetworkStream(servers["hls"].url.replace("talk.m3u8", name)).open()
        assert "127.0.0.1" in str(caught.value)
