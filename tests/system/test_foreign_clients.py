"""Real speech and real weights through the own clients of all other protocols, at the same time, with one daemon."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from openai import AsyncOpenAI
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient

from tests.support.daemon import DATA, WITHIN_S, captions, pcm_of, receive, resampled, text_of
from tests.support.forked import WhisperDaemon
from tests.support.word_errors import word_error_rate

PIECE = 2 * 1600  # bytes: 0.1 s
SPEECH = pcm_of("short")
PIECES = [SPEECH[i : i + PIECE] for i in range(0, len(SPEECH), PIECE)]
MAX_WER = 0.1  # as in test_daemon

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDKs' own


@pytest.fixture(scope="module")
def daemon() -> Iterator[WhisperDaemon]:
    on = ["compat.vosk=true", "compat.deepgram=true", "compat.openai=true", "compat.wyoming=127.0.0.1:0"]
    with WhisperDaemon(
        "--model", "tiny.en", "--source", "ws", *[part for setting in on for part in ("--set", setting)]
    ) as running:
        yield running


async def by_vosk(daemon: WhisperDaemon) -> str:
    results = []
    async with captions(daemon, "/vosk") as client:
        await client.send('{"config":{"sample_rate":16000}}')
        for piece in PIECES:
            await client.send(piece)
            results.append(await receive(client))
        await client.send('{"eof":1}')
        results.append(await receive(client))
    return " ".join(r["text"] for r in results if r.get("text"))


async def by_deepgram(daemon: WhisperDaemon) -> str:
    sockets = daemon.url.replace("http", "ws", 1)
    place = DeepgramClientEnvironment(base=daemon.url, production=sockets, agent=sockets, agent_rest=daemon.url)
    client = AsyncDeepgramClient(api_key="any", environment=place)
    texts = []
    async with client.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as connection:
        for piece in PIECES:
            await connection.send_media(piece)
        await connection.send_close_stream()
        while (message := await connection.recv()).type != "Metadata":
            texts.append(message.channel.alternatives[0].transcript)
    return " ".join(texts)


async def by_wyoming(daemon: WhisperDaemon) -> str:
    daemon.wait_for_log("Wyoming")
    port = int(re.findall(r"tcp://127\.0\.0\.1:(\d+)", daemon.log)[0])
    async with AsyncTcpClient("127.0.0.1", port) as client:
        await client.write_event(AudioStart(16000, 2, 1).event())
        for piece in PIECES:
            await client.write_event(AudioChunk(16000, 2, 1, piece).event())
        await client.write_event(AudioStop().event())
        while (event := await client.read_event()) and event.type != "transcript":
            pass
        assert event is not None
        return Transcript.from_event(event).text


async def by_openai(daemon: WhisperDaemon) -> str:
    client = AsyncOpenAI(api_key="any", base_url=f"{daemon.url}/v1")
    speech = b64encode(resampled("short", 24_000)).decode()
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        await connection.session.update(session={"type": "transcription", "audio": {"input": {"turn_detection": None}}})
        await connection.input_audio_buffer.append(audio=speech)
        await connection.input_audio_buffer.commit()
        while (event := await connection.recv()).type != "conversation.item.input_audio_transcription.completed":
            pass
        return event.transcript


async def by_upload(daemon: WhisperDaemon) -> str:
    async with AsyncOpenAI(api_key="any", base_url=f"{daemon.url}/v1") as client:
        return (await client.audio.transcriptions.create(file=DATA / "short.flac", model="whisper-1")).text


async def test_each_client_gets_its_words(daemon: WhisperDaemon) -> None:
    """Clients of all protocols send audio at the same time, and each receives its own words."""
    async with asyncio.timeout(2 * WITHIN_S):
        transcripts = await asyncio.gather(
            by_vosk(daemon), by_deepgram(daemon), by_wyoming(daemon), by_openai(daemon), by_upload(daemon)
        )
    assert [text for text in transcripts if word_error_rate(text_of("short"), text) > MAX_WER] == []
