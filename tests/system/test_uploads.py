"""Faulty uploads, and that they do not affect other clients. A script takes the place of Whisper."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import openai
import pytest
import soundfile
import trustme
from openai import AsyncOpenAI

from tests.support.certificates import issue_certificate
from tests.support.daemon import (
    DATA,
    SCRIPT,
    WITHIN_S,
    captions,
    exchange,
    get,
    pcm_of,
    receive,
    receive_until,
    speak,
    write_script,
)
from tests.support.forked import Daemon

LONG = (DATA / "long_sentence.flac").read_bytes()
PATH = "/v1/audio/transcriptions"
DECODE_S = 1.0
FULL = bytes(0x10000)
TOKEN = "a-token-that-is-long-enough"
TIGHT = [
    "compat.openai=true",
    "compat.max_uploads=2",
    "compat.max_upload_mb=1",
    "server.handshake_s=4",
    "server.max_per_address=25",
]
SETTINGS = ["--source", "ws", *[part for setting in TIGHT for part in ("--set", setting)]]


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, spool: Path) -> Iterator[Daemon]:
    script = write_script(tmp_path_factory.mktemp("script"))
    with Daemon(*script, *SETTINGS, env={"TMPDIR": str(spool)}) as running:
        yield running
        assert "Traceback" not in running.log


@pytest.fixture
def slow(tmp_path: Path, spool: Path) -> Iterator[Daemon]:
    """A daemon whose decodes are slow."""
    with Daemon(*write_script(tmp_path, decode_s=DECODE_S), *SETTINGS, env={"TMPDIR": str(spool)}) as running:
        yield running
        assert "Traceback" not in running.log


@pytest.fixture
async def client(slow: Daemon) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's SDK, connected to that daemon."""
    async with AsyncOpenAI(api_key="any", base_url=f"{slow.url}/v1", max_retries=0) as client:
        yield client


def form(file: bytes = LONG, **fields: str) -> bytes:
    parts = [f'--xx\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    head = b'--xx\r\nContent-Disposition: form-data; name="file"; filename="talk.flac"\r\n\r\n'
    return b"".join([*parts, head, file, b"\r\n--xx--\r\n"])


def request(body: bytes, *headers: str, length: int = -1, path: str = PATH) -> bytes:
    size = len(body) if length < 0 else length
    kind = "Content-Type: multipart/form-data; boundary=xx"
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        kind,
        f"Content-Length: {size}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def status_of(answer: bytes) -> int:
    return int(answer[9:12] or 0)


def error_of(answer: bytes) -> dict[str, str]:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def spooled_files(daemon: Daemon, spool: Path) -> int:
    """Returns how many files the daemon has open in a folder, in which they have no names."""
    count = 0
    for descriptor in Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            count += os.readlink(descriptor).startswith(str(spool))
    return count


def wait_until(done: object, within_s: float = WITHIN_S) -> None:
    assert callable(done)
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        pytest.param(request(b"hello"), 400, "invalid_form", id="no form"),
        pytest.param(request(b"--xx--\r\n"), 400, "missing_required_parameter", id="no file"),
        pytest.param(request(form()[:-20]), 400, "invalid_form", id="half a form"),
        pytest.param(request(form(b"")), 400, "unsupported_format", id="an empty file"),
        pytest.param(request(form(bytes(1_100_000))), 413, "file_too_large", id="large"),
        pytest.param(request(b"x" * 100, length=10**12), 413, "file_too_large", id="announced as large"),
        pytest.param(
            request(b"", "Transfer-Encoding: chunked", length=0).replace(b"Content-Length: 0\r\n", b"")
            + b"".join(b"10000\r\n" + piece + b"\r\n" for piece in [form(FULL)[:0x10000], *[FULL] * 20]),
            413, "file_too_large", id="large, in chunks",
        ),
        pytest.param(request(form(), length=10**6), 408, "request_timeout", id="slow"),
        pytest.param(request(form(), "Origin: https://evil.example"), 403, "insufficient_permissions", id="a web page"),
        pytest.param(request(form()).replace(b"localhost", b"evil.example"), 421, "", id="another name"),
    ],
)  # fmt: skip
def test_refused(daemon: Daemon, spool: Path, sent: bytes, status: int, code: str) -> None:
    """Each gets a status and an error in OpenAI's format; no file is left."""
    answer = exchange(daemon, sent)
    assert status_of(answer) == status
    assert error_of(answer)["code"] == (code or None)
    wait_until(lambda: not spooled_files(daemon, spool))


def test_a_refusal_is_logged(slow: Daemon) -> None:
    """A refused upload, or another refusal on its path, has a line in the log, with its reason in words."""
    exchange(slow, request(b"hello"))
    slow.wait_for_log("refused with 400")
    slow.wait_for_log("refused with 400: invalid_form: ")
    assert status_of(exchange(slow, b"GET /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 405
    slow.wait_for_log("refused with 405: Allowed methods: ")
    assert "{" not in slow.log


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(request(b"", path="/"), 405, id="a page"),
        pytest.param(request(b"", path="/nothing"), 405, id="nothing"),
        pytest.param(b"GET" + request(b"").removeprefix(b"POST"), 405, id="not posted"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"a" * 20_000, 431, id="a long header"),
        pytest.param(b"POST \xff\xfe\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"POST / HTTP/1.1\r\n", 408, id="half a request"),
    ],
)
def test_other_posts(daemon: Daemon, sent: bytes, status: int) -> None:
    """Other POST requests get a status as well."""
    assert status_of(exchange(daemon, sent)) == status


def test_finished_uploads_free_their_place(daemon: Daemon) -> None:
    """One after another, more clients can upload than may do so at the same time."""
    assert {status_of(exchange(daemon, request(b"hello"))) for _ in range(30)} == {400}


def test_what_was_wrong_with_the_sound(daemon: Daemon) -> None:
    """The answer says that nothing was heard, and that samples were no numbers."""
    file = io.BytesIO()
    sound = np.zeros(16_000, np.float32)
    sound[7] = np.nan
    soundfile.write(file, sound, 16_000, format="WAV", subtype="FLOAT")
    answer = exchange(daemon, request(form(file.getvalue())))
    (warning,) = json.loads(answer.partition(b"\r\n\r\n")[2])["warnings"]
    assert "Nothing was heard" in warning
    assert "no numbers, or far too large: 1." in warning


def test_in_pieces(daemon: Daemon) -> None:
    """A request may arrive byte by byte."""
    sent = request(form(response_format="text"))
    with connected(daemon) as raw:
        for i in range(150):
            raw.sendall(sent[i : i + 1])
        raw.sendall(sent[150:])
        assert SCRIPT in received(raw).decode()


def connected(daemon: Daemon) -> closing[socket.socket]:
    raw = socket.create_connection(("127.0.0.1", urlsplit(daemon.url).port or 0), timeout=WITHIN_S)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return closing(raw)


def received(raw: socket.socket) -> bytes:
    answer = b""
    with suppress(ConnectionError):
        while part := raw.recv(65536):
            answer += part
    return answer


def test_cut_off(daemon: Daemon, spool: Path) -> None:
    """A client that disconnects in the middle of its file leaves nothing behind and frees its place."""
    for _ in range(3):  # more than the maximum at once
        with connected(daemon) as raw:
            raw.sendall(request(form())[:-2000])
            wait_until(lambda: spooled_files(daemon, spool))
        wait_until(lambda: not spooled_files(daemon, spool))
    assert SCRIPT in exchange(daemon, request(form())).decode()


async def test_a_client_that_leaves_stops_its_work(slow: Daemon, client: AsyncOpenAI, spool: Path) -> None:
    """When a client disconnects, its recording is no longer decoded, and its place is soon free."""
    for _ in range(3):
        with pytest.raises(openai.APITimeoutError):
            await client.audio.transcriptions.create(file=("t.flac", LONG), model="any", timeout=1)
        await asyncio.to_thread(wait_until, lambda: not spooled_files(slow, spool))
    slow.wait_for_log("the client has left")


async def test_many_at_once(client: AsyncOpenAI) -> None:
    """Of twenty uploads, as many as configured are accepted; the SDK recognizes that the others may retry."""
    samples, rate = soundfile.read(DATA / "long_sentence.flac")
    file = io.BytesIO()
    soundfile.write(file, samples[: 7 * rate], rate, format="FLAC")
    create = client.audio.transcriptions.create
    requests = [create(file=("t.flac", file.getvalue()), model="any") for _ in range(20)]
    answers = await asyncio.gather(*requests, return_exceptions=True)
    limited = [a for a in answers if isinstance(a, openai.RateLimitError)]
    accepted = [a for a in answers if not isinstance(a, BaseException)]
    assert (len(accepted), len(limited)) == (2, 18)
    assert limited[0].code == "rate_limit_exceeded"
    assert "Retry-After" in limited[0].response.headers


async def test_live_captions_come_first(slow: Daemon, client: AsyncOpenAI, tmp_path: Path) -> None:
    """A live source waits for at most one decode of recordings, however many of these there are."""
    create = client.audio.transcriptions.create
    samples, rate = soundfile.read(DATA / "long_sentence.flac")
    soundfile.write(tmp_path / "longer.ogg", np.tile(samples, 2), rate)
    streams = [await create(file=tmp_path / "longer.ogg", model="any", stream=True) for _ in range(2)]
    for stream in streams:
        assert (await anext(stream)).type == "transcript.text.delta", "it is being decoded"
    uploads = [asyncio.ensure_future(_texts(stream)) for stream in streams]
    async with captions(slow, "/audio") as speaker:
        await receive(speaker)
        started = time.monotonic()
        await speak(speaker, pcm_of("long_sentence")[: 2 * 16000 * 2], speed=1000)
        await receive_until(speaker, "partial")
        took_s = time.monotonic() - started
        assert took_s < 3 * DECODE_S, "the running decode and its own; many more are waiting"
        assert not any(upload.done() for upload in uploads)
        for upload in uploads:
            upload.cancel()


async def _texts(stream: AsyncIterator[Any]) -> list[str]:
    return [event.text async for event in stream if event.type == "transcript.text.done"]


def test_stopping(slow: Daemon, spool: Path) -> None:
    """A daemon that stops during an upload or its decoding replies with 503, and exits."""
    answers: list[bytes] = []
    decoding = threading.Thread(target=lambda: answers.append(exchange(slow, request(form()))))
    decoding.start()
    with connected(slow) as raw:
        raw.sendall(request(form())[:-2000])
        wait_until(lambda: spooled_files(slow, spool) == 2)
        assert slow.stop(signal.SIGTERM) == 0
        answers.append(received(raw))
    decoding.join()
    assert [status_of(answer) for answer in answers] == [503, 503]


def test_over_tls(script: list[str], tmp_path: Path) -> None:
    """With TLS, uploads use the same port."""
    chain, key = issue_certificate(trustme.CA(), tmp_path)
    tls = ("--set", f"server.tls_certificate={chain}", "--set", f"server.tls_key={key}")
    with Daemon(*script, *SETTINGS, *tls) as daemon:
        trust = ("--cacert", tmp_path / "ca.pem", "-sS")
        for file, status in ((LONG, "200"), (bytes(2_000_000), "413")):
            command = ["curl", *trust, "-w", "%{http_code}", f"{daemon.url}{PATH}", "-F", "file=@-"]
            answer = subprocess.run(command, input=file, capture_output=True, check=True).stdout.decode()
            assert answer.endswith(status)
        assert "Traceback" not in daemon.log


def test_tokens(script: list[str], tmp_path: Path) -> None:
    """Where tokens are required, the API key must be a token with the role speaker."""
    file = tmp_path / "tokens"
    file.write_text(f"speaker {TOKEN}\nviewer {TOKEN}-of-a-viewer\n")
    with Daemon(
        *script, *SETTINGS, "--set", "server.require_token=true", "--set", f"server.token_file={file}"
    ) as daemon:
        expected = {"": 401, "wrong": 401, f"{TOKEN}-of-a-viewer": 403, TOKEN: 200}
        for token, status in expected.items():
            answer = exchange(daemon, request(form(), *([f"Authorization: Bearer {token}"] if token else [])))
            assert status_of(answer) == status
        assert get(f"{daemon.url}/v1/models", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert get(f"{daemon.url}/v1/models")[0] == 401
        assert TOKEN not in daemon.log
