"""Many WebSocket clients in one process, as light as can be, so that what is measured is the daemon."""

import json
import selectors
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

SAMPLE_RATE, BLOCK_SAMPLES = 16_000, 1600  # samples: a tenth of a second
PING_BYTES = 6
PING, PONG = b"\x89\x04", b"\x8a\x84\0\0\0\0"  # as websockets sends them; neither is in a text of ASCII


@dataclass(slots=True)
class Viewer:
    """A connection, and what came over it, each piece with its time."""

    socket: socket.socket
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    size: int = 0
    closed: bool = False

    def messages(self) -> list[tuple[float, dict[str, Any]]]:
        """What came, frame by frame, each with the time of its last byte."""
        found, data = [], b""
        for at, piece in self.chunks:
            data += piece
            while len(data) >= 2 and len(data) >= (end := _frame_end(data)):
                size = 2 if data[1] < 126 else 4 if data[1] == 126 else 10
                if data[0] == 0x81:
                    found.append((at, json.loads(data[size:end])))
                data = data[end:]
        return found


def _frame_end(data: bytes) -> int:
    """Where the first frame ends; more than there is if its head is not complete."""
    if data[1] < 126:
        return 2 + data[1]
    if data[1] == 126:
        return 4 + struct.unpack_from("!H", data, 2)[0] if len(data) >= 4 else 4
    return 10 + struct.unpack_from("!Q", data, 2)[0] if len(data) >= 10 else 10


def connect(port: int, path: str, *, small_buffer: bool = False) -> Viewer:
    """Opens a WebSocket."""
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
    """All viewers that read, those that do not, and a speaker."""

    def __init__(self, port: int, viewers_port: int = 0) -> None:
        self._port = viewers_port or port
        self._selector = selectors.DefaultSelector()
        self.stalled: list[Viewer] = []
        self.readers: list[Viewer] = []
        self.audio_client = connect(port, "/audio?name=desk&language=en")
        self._selector.register(self.audio_client.socket, selectors.EVENT_READ, self.audio_client)
        self.sent_at: list[float] = []  # when each block was sent

    def connect_viewers(self, readers: int, stalled: int) -> None:
        """Viewers arrive: those that will not read get all history, which fills their connections; the others none."""
        self.stalled = [connect(self._port, "/captions", small_buffer=True) for _ in range(stalled)]
        seq = max((m["seq"] for _, m in self.audio_client.messages()), default=0)
        self.readers = [connect(self._port, f"/captions?since={seq}") for _ in range(readers)]
        for viewer in self.readers:
            self._selector.register(viewer.socket, selectors.EVENT_READ, viewer)

    def send_audio(self, pcm: bytes, speed: float) -> None:
        """Sends audio, and reads meanwhile."""
        began = time.perf_counter()
        for number, start in enumerate(range(0, len(pcm), 2 * BLOCK_SAMPLES)):
            self.read_until(began + number * BLOCK_SAMPLES / SAMPLE_RATE / speed)
            piece = pcm[start : start + 2 * BLOCK_SAMPLES]
            self.audio_client.socket.setblocking(True)
            self.audio_client.socket.sendall(struct.pack("!BBH", 0x82, 0x80 | 126, len(piece)) + b"\0\0\0\0" + piece)
            self.audio_client.socket.setblocking(False)
            self.sent_at.append(time.perf_counter())

    def read_until(self, deadline: float) -> None:
        """Takes what comes until a moment of ``time.perf_counter``."""
        while (left := deadline - time.perf_counter()) > 0:
            for key, _ in self._selector.select(left):
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
            piece = viewer.socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            piece = b""
        if piece:
            viewer.chunks.append((time.perf_counter(), piece))
            viewer.size += len(piece)
            if (ping := piece.find(PING)) >= 0:
                viewer.socket.send(PONG + piece[ping + 2 : ping + 6])
        else:
            viewer.closed = True
            self._selector.unregister(viewer.socket)
        return piece[:2] != PING or len(piece) > PING_BYTES
