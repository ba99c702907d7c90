"""Many WebSocket clients in one process, as light as possible, so that the daemon is measured and not the clients."""

import json
import selectors
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

SAMPLE_RATE, BLOCK_SAMPLES = 16_000, 1600  # Hz; samples (0.1 s)
PING_BYTES = 6
PING, PONG = b"\x89\x04", b"\x8a\x84\0\0\0\0"  # as websockets sends them; ASCII text contains neither


@dataclass(slots=True)
class Viewer:
    """A connection and what was received on it.

    Attributes:
        socket: Non-blocking.
        chunks: Received bytes, each with its time.
        size: Number of received bytes.
        closed: Whether the daemon closed the connection.
    """

    socket: socket.socket
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    size: int = 0
    closed: bool = False

    def messages(self) -> list[tuple[float, dict[str, Any]]]:
        """Returns the received messages, each with the time of its last byte."""
        messages, data = [], b""
        for at, chunk in self.chunks:
            data += chunk
            while len(data) >= 2 and len(data) >= (end := _frame_end(data)):
                size = 2 if data[1] < 126 else 4 if data[1] == 126 else 10
                if data[0] == 0x81:
                    messages.append((at, json.loads(data[size:end])))
                data = data[end:]
        return messages


def _frame_end(data: bytes) -> int:
    """Returns where the first frame ends; beyond the data if its header is incomplete."""
    if data[1] < 126:
        return 2 + data[1]
    if data[1] == 126:
        return 4 + struct.unpack_from("!H", data, 2)[0] if len(data) >= 4 else 4
    return 10 + struct.unpack_from("!Q", data, 2)[0] if len(data) >= 10 else 10


def connect(port: int, path: str, *, small_buffer: bool = False) -> Viewer:
    """Opens a WebSocket; with a small receive buffer, if it is not going to read."""
    raw = socket.socket()
    if small_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    raw.connect(("127.0.0.1", port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = raw.recv(1)
        if not part:
            raise SystemExit(f"the daemon refused a connection: {head.decode()}")
        head += part
    if b" 101 " not in head.partition(b"\r\n")[0]:
        raise SystemExit(f"the daemon refused a connection: {head.decode()}")
    raw.setblocking(False)
    return Viewer(raw)


class Crowd:
    """Viewers that read, viewers that do not, and a client that sends audio.

    Attributes:
        stalled: Viewers that never read.
        readers: Viewers that read.
        audio_client: The client that sends audio.
        sent_at: When each block of audio was sent (s of ``time.perf_counter``).
    """

    def __init__(self, port: int, viewers_port: int = 0) -> None:
        self._port = viewers_port or port
        self._selector = selectors.DefaultSelector()
        self.stalled: list[Viewer] = []
        self.readers: list[Viewer] = []
        self.audio_client = connect(port, "/audio?name=desk&language=en")
        self._selector.register(self.audio_client.socket, selectors.EVENT_READ, self.audio_client)
        self.sent_at: list[float] = []

    def connect_viewers(self, readers: int, stalled: int) -> None:
        """Connects viewers. Stalled ones get the whole history, which fills their connections; readers get none."""
        self.stalled = [connect(self._port, "/captions", small_buffer=True) for _ in range(stalled)]
        seq = max((m["seq"] for _, m in self.audio_client.messages()), default=0)
        self.readers = [connect(self._port, f"/captions?since={seq}") for _ in range(readers)]
        for viewer in self.readers:
            self._selector.register(viewer.socket, selectors.EVENT_READ, viewer)

    def send_audio(self, pcm: bytes, speed: float) -> None:
        """Sends 16-bit audio at a multiple of real time, and reads meanwhile."""
        start_s = time.perf_counter()
        for number, start in enumerate(range(0, len(pcm), 2 * BLOCK_SAMPLES)):
            self.read_until(start_s + number * BLOCK_SAMPLES / SAMPLE_RATE / speed)
            piece = pcm[start : start + 2 * BLOCK_SAMPLES]
            self.audio_client.socket.setblocking(True)
            self.audio_client.socket.sendall(struct.pack("!BBH", 0x82, 0x80 | 126, len(piece)) + b"\0\0\0\0" + piece)
            self.audio_client.socket.setblocking(False)
            self.sent_at.append(time.perf_counter())

    def read_until(self, deadline: float) -> None:
        """Receives messages until a moment of ``time.perf_counter``."""
        while (remaining := deadline - time.perf_counter()) > 0:
            for key, _ in self._selector.select(remaining):
                self._receive(key.data)

    def read_rest(self, quiet_s: float) -> None:
        """Receives until no message has come for ``quiet_s``; pings, which some viewer always gets, do not count."""
        deadline = time.perf_counter() + quiet_s
        while (left := deadline - time.perf_counter()) > 0:
            received = [self._receive(key.data) for key, _ in self._selector.select(left)]
            if any(received):
                deadline = time.perf_counter() + quiet_s

    def _receive(self, viewer: Viewer) -> bool:
        """Receives what has come for a viewer, and answers a ping; returns whether it was more than that."""
        try:
            chunk = viewer.socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            chunk = b""
        if chunk:
            viewer.chunks.append((time.perf_counter(), chunk))
            viewer.size += len(chunk)
            if (ping := chunk.find(PING)) >= 0:
                viewer.socket.send(PONG + chunk[ping + 2 : ping + 6])
        else:
            viewer.closed = True
            self._selector.unregister(viewer.socket)
        return chunk[:2] != PING or len(chunk) > PING_BYTES
