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

import numpy as np
import pytest
import soundfile

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.audio.network_stream import NetworkStream
from streamstt.errors import SourceError
from tests.support.brokers import free_port
from tests.support.daemon import DATA, WITHIN_S, captions, get, receive, write_brisk_script
from tests.support.forked import Daemon
from tests.support.stream_servers import StreamServer

KINDS = ("radio", "hls", "rtmp", "srt", "rtsp")
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


# ---- one stream, without a daemon


@pytest.mark.parametrize("kind", ["radio", "srt"])
def test_what_is_played_is_heard(servers: dict[str, StreamServer], kind: str) -> None:
    """The recording is heard as it is, without a hole. Icecast sends the last seconds at once."""
    stream = open_stream(servers[kind].url)
    pieces, end = [], 0
    while end < 3 * SAMPLE_RATE:
        block = stream.read(threading.Event())
        assert block
        assert block.start == end
        end = block.end
        pieces.append(block.samples)
    stream.close()
    recording, _ = soundfile.read(DATA / "short.flac", dtype="float32")
    assert similarity(np.concatenate(pieces), np.tile(recording, 4)) > 0.8


def open_stream(url: str) -> NetworkStream:
    """Opens a stream, as soon as the sender has noticed that the client before has left: SRT's has one at a time."""
    stream, deadline = NetworkStream(url), time.monotonic() + WITHIN_S
    while True:
        try:
            stream.open()
        except SourceError:
            assert time.monotonic() < deadline
        else:
            return stream


def similarity(part: Samples, whole: Samples) -> float:
    """Returns how well a part of the sound fits where it fits best: 1 if it is the same."""
    size = len(whole) + len(part)
    spectrum = np.fft.rfft(whole, size)
    fits = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, size)), size)[: len(whole) - len(part)]
    sums = np.concatenate([[0.0], np.cumsum(whole.astype(np.float64) ** 2)])
    energies = np.sqrt(sums[len(part) : len(whole)] - sums[: len(whole) - len(part)] + 1e-9)
    return float(np.max(fits / energies) / np.linalg.norm(part))


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


# ---- all of them, with a daemon


async def test_streams_are_lost_and_found(servers: dict[str, StreamServer], tmp_path: Path) -> None:
    """Each stream is captioned. When its server dies, that is told, and it is captioned again, at its true time, once
    the server is back, without anybody's help. No address with its password is in the log, a status or the health."""
    urls = {kind: server.url for kind, server in servers.items()}
    urls["radio"] = with_secret(urls["radio"])
    sources = [f'[[source]]\ninput = "url:{url}"\nname = "{kind}"\nwait = "yes"\n' for kind, url in urls.items()]
    (tmp_path / "streamstt.toml").write_text("".join(sources))
    options = [*write_brisk_script(tmp_path), "--config", str(tmp_path / "streamstt.toml")]
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
