"""Clients of vosk-server, unchanged: they send a piece of audio and wait for the reply."""

import asyncio
import logging
from argparse import Namespace
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.support.daemon import (
    SCRIPT,
    SENTENCES,
    VisibleWords,
    captions,
    final_text,
    get,
    pcm_of,
    receive,
    receive_all,
    receive_until,
    refusal_status,
    wait_until_idle,
    write_script,
)
from tests.support.forked import Daemon

SETTINGS = ["--source", "ws", "--set", "compat.vosk=true", "--set", "server.max_audio_clients=2"]
SEVEN_S = pcm_of("long_sentence")[: 2 * 16000 * 7]
PIECE = 2 * 3200  # bytes: 0.2 s, as vosk-server's own test programs send


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *SETTINGS) as started:
        yield started


@pytest.fixture
async def daemon(running: Daemon) -> Daemon:
    """One daemon for all tests; the clients of the previous test have left."""
    await wait_until_idle(running)
    return running


async def ask(client: ClientConnection, message: str | bytes) -> dict[str, Any]:
    await client.send(message)
    return await receive(client)


async def speak(client: ClientConnection, pcm: bytes, shown: VisibleWords | None = None) -> list[dict[str, Any]]:
    """Does what vosk-server's websocket/test.py does: sends each piece, then waits for its reply, and for its words."""
    await client.send('{ "config" : { "sample_rate" : 16000 } }')
    answers = []
    for i in range(0, len(pcm), PIECE):
        answers.append(await ask(client, pcm[i : i + PIECE]))
        if shown:
            await shown.until_spoken(i / 32_000)
    return answers


def texts(answers: list[dict[str, Any]]) -> list[str]:
    return [a["text"] for a in answers if a.get("text")]


async def test_its_own_test_program(daemon: Daemon) -> None:
    """Each piece has one reply, a partial or a result; after ``eof`` come the last result and the end."""
    async with captions(daemon) as viewer, captions(daemon, "/vosk") as client:
        answers = await speak(client, SEVEN_S, VisibleWords(viewer))
        assert all(len({"partial", "text"} & set(a)) == 1 for a in answers)
        last = await ask(client, '{"eof" : 1}')
        assert texts([*answers, last]) == SENTENCES
        assert await receive_all(client) == []
        assert client.close_code == 1000
    partials = [a["partial"] for a in answers if a.get("partial")]
    assert len(set(partials)) >= 4
    assert all(" ".join(SENTENCES).find(p[:-2]) >= 0 for p in partials)
    words = [word for a in [*answers, last] for word in a.get("result", [])]
    assert " ".join(word["word"] for word in words) == SCRIPT
    assert words[0] == {"conf": 1.0, "end": 0.75, "start": 0.5, "word": "Every"}


async def test_the_transcriber_of_the_vosk_package(daemon: Daemon, tmp_path: Path) -> None:
    """``vosk-transcriber --server`` sends a file as fast as it receives replies, and receives every word."""
    transcriber = import_module("vosk.transcriber.transcriber").Transcriber  # it has no types
    logging.getLogger().setLevel(logging.WARNING)
    (tmp_path / "audio.raw").write_bytes(SEVEN_S)
    player = await asyncio.create_subprocess_exec("cat", tmp_path / "audio.raw", stdout=asyncio.subprocess.PIPE)
    its = transcriber.__new__(transcriber)  # its __init__ would load a model, which --server does not need
    its.args = Namespace(server=daemon.url.replace("http", "ws") + "/vosk", output_type="txt")
    results, size = await its.recognize_stream_server(player)
    await player.wait()
    assert size == len(SEVEN_S)
    assert " ".join(its.format_result(results).split("\n")).strip() == SCRIPT
    its.args.output_type = "srt"
    assert "00:00:00,500 --> " in its.format_result(results)


async def test_answers_do_not_wait_for_the_engine(tmp_path: Path) -> None:
    """However long the engine takes, a piece is answered at once, so that a waiting client does not fall behind."""
    with Daemon(*write_script(tmp_path, hang_s=1.5), *SETTINGS) as stuck:
        async with captions(stuck, "/vosk") as client:
            answers = await speak(client, SEVEN_S[: 2 * 16000 * 4])
            assert len(answers) == 20
            assert not texts(answers)
    with Daemon(*write_script(tmp_path, decode_s=1.5), *SETTINGS) as slow:
        async with captions(slow, "/vosk") as client:
            await speak(client, SEVEN_S[: 2 * 16000 * 4])
            assert (await ask(client, '{"eof" : 1}'))["text"].startswith(SENTENCES[0])


async def test_what_can_be_configured(daemon: Daemon) -> None:
    """Rate, words and alternatives can be configured repeatedly; other keys are ignored."""
    telephone = pcm_of("long_sentence")[: 2 * 16000 * 4]
    async with captions(daemon, "/vosk?name=telephone") as client, captions(daemon) as viewer:
        assert "telephone" in [s["name"] for s in (await receive(viewer))["sources"]]
        await client.send('{"config":{"sample_rate":"16000","phrase_list":["one"],"words":0}}')
        await ask(client, telephone)
        assert await ask(client, '{"reset":1}') == {"text": SENTENCES[0] + " It is said"}
        await client.send('{"config":{"max_alternatives":1,"words":true}}')
        await ask(client, telephone)
        (only,) = (await ask(client, '{"eof":1}'))["alternatives"]
        assert only["text"].startswith("again and")
        assert only["result"][0]["start"] > 4, "times continue after a reset"


async def test_eight_kilohertz_by_default(daemon: Daemon) -> None:
    """Without configuration audio has 8 kHz, vosk-server's default."""
    async with captions(daemon, "/vosk") as client:
        await ask(client, pcm_of("long_sentence")[: 2 * 8000 * 4 + 1])
        words = (await ask(client, '{"eof":1}'))["result"]
        assert words[-1]["end"] == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize(
    ("message", "code", "close_code"),
    [
        ("hello", "bad_message", 1003),
        ("[]", "bad_message", 1003),
        ('{"type":"end"}', "bad_message", 1003),
        ('{"config":{"sample_rate":"fast"}}', "bad_config", 1008),
        ('{"config":{"sample_rate":7999}}', "bad_rate", 1008),
    ],
)
async def test_invalid_messages(daemon: Daemon, message: str, code: str, close_code: int) -> None:
    """Invalid messages are answered with an error, and the connection is closed."""
    async with captions(daemon, "/vosk") as client:
        assert (await ask(client, message))["code"] == code
        await receive_all(client)
        assert client.close_code == close_code


async def test_too_many(daemon: Daemon) -> None:
    """A third audio client is rejected."""
    async with captions(daemon, "/vosk") as first, captions(daemon, "/vosk") as second:
        await asyncio.gather(ask(first, b""), ask(second, b""))
        async with captions(daemon, "/vosk") as third:
            assert (await receive(third))["code"] == "too_many"
            await receive_all(third)
            assert third.close_code == 1013


async def test_no_audio(tmp_path: Path) -> None:
    """An idle client is disconnected, which frees its slot."""
    with Daemon(*write_script(tmp_path), *SETTINGS, "--set", "server.audio_idle_s=1") as impatient:
        async with captions(impatient, "/vosk") as client:
            assert (await receive(client))["code"] == "idle"
            await receive_all(client)
            assert client.close_code == 1008


async def test_gone_in_the_middle(daemon: Daemon) -> None:
    """The speech of a client before its connection was lost becomes final for viewers; its source is ``vosk``."""
    async with captions(daemon) as viewer:
        await receive(viewer)
        async with captions(daemon, "/vosk") as client:
            await speak(client, SEVEN_S[: 2 * 16000 * 3])
            client.transport.abort()
        messages = await receive_until(viewer, "final")
        while messages[-1]["type"] != "status" or messages[-1]["state"] != "waiting":
            messages.append(await receive(viewer))
    assert final_text(messages).startswith("Every word of this has been")
    assert {m["source"] for m in messages} == {"vosk"}


async def test_stopped_in_the_middle(tmp_path: Path) -> None:
    """When the daemon stops, a client receives its speech so far and the close reason."""
    with Daemon(*write_script(tmp_path), *SETTINGS) as stopping:
        async with captions(stopping, "/vosk") as client:
            answers = await speak(client, SEVEN_S[: 2 * 16000 * 3])
            code = asyncio.create_task(asyncio.to_thread(stopping.stop))
            answers += await receive_all(client)
            assert client.close_code == 1001
            assert texts(answers)[-1].startswith("Every word of this has been")
            assert await code == 0


async def test_disabled_by_default(daemon: Daemon) -> None:
    """A protocol that is not enabled is not served; the response names its setting."""
    sentence = "/v1/listen is switched off; compat.deepgram = true switches it on.\n"
    assert get(daemon.url + "/v1/listen?model=nova-3") == (404, sentence)
    assert await refusal_status(daemon, "/v1/listen?model=nova-3") == 404
    assert get(daemon.url + "/vosk")[0] == 426
