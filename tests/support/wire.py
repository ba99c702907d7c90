"""Input for fuzzing: bytes, requests, handshakes and frames; valid, invalid and cut off."""

import json
import struct
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

TOKEN = "a-token-that-is-long-enough"
KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"


@dataclass(frozen=True, slots=True)
class Input:
    """What is sent over one connection: ``head`` at once, ``body`` after the server has responded to it."""

    head: bytes
    body: bytes = b""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**30) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "token", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            '{"type":"end"}',
            '{"config":{"sample_rate":1e999,"words":[]}}',
            '{"config":{"sample_rate":48000,"max_alternatives":9}}',
            '{"eof":1}',
            '{"reset":1}',
            '{"type":"Finalize"}',
            '{"type":"KeepAlive"}',
            '{"type":"Configure"}',
            '{"type":"CloseStream"}',
            '{"type":"input_audio_buffer.append","audio":"AAAA"}',
            json.dumps({"type": "input_audio_buffer.append", "audio": "ACDg" * 4000}),
            '{"type":"input_audio_buffer.append","audio":[]}',
            '{"type":"input_audio_buffer.commit","event_id":{}}',
            '{"type":"input_audio_buffer.clear"}',
            '{"type":"session.update","session":{"audio":{"input":{"turn_detection":null,"transcription":1e999}}}}',
            '{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"silence_duration_ms":1e999}}}}}',
            '{"type":"transcription_session.update","session":{"turn_detection":null}}',
            '{"type":"auth","token":7}',
            '{"type":"auth","token":"\\ud800"}',
            "[" * 3000,
            "9" * 5000,
            "\0",
        ]
    ),
    st.just(json.dumps({"type": "auth", "token": TOKEN})),
    JSON.map(json.dumps),
    st.text(max_size=100),
).map(lambda text: text.encode(errors="replace"))
PAYLOADS = st.one_of(TEXTS, st.binary(max_size=200), st.integers(0, 9000).map(lambda n: b"\x01\x80" * n))
PATHS = st.one_of(
    st.sampled_from(
        [
            "/captions",
            "/audio",
            "/captions?since=0",
            "/captions?since=" + "9" * 40,
            "/audio?rate=8000&name=%1b%00",
            "/",
            "/audio?rate=-1",
            "/audio?language=xx",
            f"/captions?token={TOKEN}",
            f"/audio?token={TOKEN}",
            "/captions?token=",
            "/vosk",
            f"/vosk?token={TOKEN}",
            "/v1/listen?sample_rate=16000&interim_results=true&vad_events=true&utterance_end_ms=1000",
            f"/v1/listen?encoding=linear16&sample_rate=48000&channels=2&token={TOKEN}",
            "/v1/listen?encoding=opus",
            "/v1/realtime?intent=transcription",
            f"/v1/realtime?name=x&token={TOKEN}",
            "/v1/audio/transcriptions",
            "/v1/models",
            "/healthz",
            "/transcript.json",
            f"/?token={TOKEN}",
            "//x?token=%ff",
            "/captions?" + "&" * 50,
            "/%zz",
            "*",
        ]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).map("/captions?{}".format),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).map("/audio?{}".format),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
).map(str.encode)
HEADERS = st.one_of(
    st.sampled_from(
        [
            b"Host: localhost",
            b"Host: evil.example",
            b"Host: ",
            b"Upgrade: websocket",
            b"Upgrade: h2c",
            b"Connection: x",
            b"Origin: null",
            b"Origin: http://evil.example",
            b"Origin: \xff",
            b"Authorization: Bearer",
            b"Cookie: ;;=;",
            b"Authorization: Bearer " + TOKEN.encode(),
            b"Cookie: streamstt-1=\xff",
            b"Transfer-Encoding: chunked",
            b"Content-Length: 5",
            b"Sec-WebSocket-Extensions: permessage-deflate",
            b"Sec-WebSocket-Protocol: ,",
            b"X",
        ]
    ),
    st.binary(max_size=40),
)


def frame(opcode: int, payload: bytes, flags: int, masked: bool, lie: int) -> bytes:
    """Encodes a frame; ``flags`` are FIN and the reserved bits, ``lie`` is added to its length."""
    size = max(0, len(payload) + lie)
    mask = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", flags | opcode, mask | size)
    elif size < 65536:
        head = struct.pack("!BBH", flags | opcode, mask | 126, size)
    else:
        head = struct.pack("!BBQ", flags | opcode, mask | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload  # a mask of zeros changes nothing


FRAMES = st.one_of(
    st.builds(frame, st.sampled_from([1, 2]), PAYLOADS, st.just(0x80), st.just(True), st.just(0)),
    st.builds(
        frame,
        st.integers(0, 15),
        PAYLOADS,
        st.sampled_from([0x80, 0x80, 0x00, 0xC0, 0x90]),
        st.sampled_from([True, True, False]),
        st.sampled_from([0, 0, 0, 1, -1, 70_000, 2**21, 2**62]),
    ),
)


def request(path: bytes, headers: list[bytes], end: bytes, method: bytes = b"GET") -> bytes:
    """Encodes a request, which need not be valid."""
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", *headers, end])


def session(path: bytes, frames: list[bytes], cut: int) -> Input:
    """Returns a valid handshake, then frames without their last ``cut`` bytes."""
    data = b"".join(frames)
    hello = request(path, [b"Host: localhost", b"Upgrade: websocket", b"Connection: Upgrade"], KEY + b"\r\n")
    return Input(hello, data[: len(data) - cut if cut < len(data) else None])


def upload(headers: list[bytes], body: bytes, lie: int) -> bytes:
    """Encodes a POST of a form, which need not be valid; ``lie`` is added to its length."""
    size = f"Content-Length: {max(0, len(body) + lie)}".encode()
    kind = b"Content-Type: multipart/form-data; boundary=xx"
    return b"\r\n".join([b"POST /v1/audio/transcriptions HTTP/1.1", kind, size, *headers, b"", body])


PARTS = st.one_of(
    st.sampled_from(
        [
            b'--xx\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\nRIFF\0\0\0\0WAVE\r\n',
            b'--xx\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n',
            b'--xx\r\nContent-Disposition: form-data; name="language"\r\n\r\n\xff\r\n',
            b"--xx\r\nContent-Disposition: form-data\r\n\r\n",
            b"--xx\r\n\r\n",
            b"--xx--\r\n",
            b"--xx",
        ]
    ),
    st.binary(max_size=60),
)
ENDS = st.sampled_from([b"\r\n", b"", b"\r\n\r\n", KEY + b"\r\n"])
ANY_HEADERS = st.lists(HEADERS, max_size=5)
METHODS = st.sampled_from([b"GET", b"GET", b"HEAD", b"OPTIONS", b"POST", b"CONNECT", b"BREW"])
GOOD_REQUESTS = st.builds(
    request, PATHS, ANY_HEADERS.map(lambda h: [b"Host: localhost", *h, b""]), st.just(b""), METHODS
)
INPUTS: SearchStrategy[Input] = st.one_of(
    st.builds(session, PATHS, st.lists(FRAMES, max_size=6), st.sampled_from([0, 0, 1, 7])),
    st.builds(session, st.just(b"/audio"), st.lists(FRAMES, max_size=6), st.just(0)),
    st.builds(session, st.just(b"/captions"), st.lists(st.binary(max_size=60), max_size=3), st.just(0)),
    st.builds(request, PATHS, ANY_HEADERS, ENDS).map(Input),
    st.lists(GOOD_REQUESTS | st.binary(max_size=9), min_size=1, max_size=4).map(b"".join).map(Input),
    st.builds(request, PATHS, ANY_HEADERS.map(lambda h: [b"Host: localhost", *h]), st.just(b"\r\n")).map(Input),
    st.builds(session, st.just(b"/v1/realtime"), st.lists(FRAMES, max_size=6), st.just(0)),
    st.builds(
        upload,
        ANY_HEADERS.map(lambda h: [b"Host: localhost", *h]),
        st.lists(PARTS, max_size=5).map(b"".join),
        st.sampled_from([0, 0, 0, -1, 7, 10**9]),
    ).map(Input),
    st.binary(max_size=200).map(b"POST ".__add__).map(Input),
    st.binary(max_size=300).map(Input),
)
