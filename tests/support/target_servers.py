"""Servers with the protocols of caption targets, written from their documentation, with faults on demand."""

import asyncio
import base64
import hashlib
import json
import secrets
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class ReceivedRequest:
    """A request as it was received."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass
class Reply:
    """A response. ``fault``: ``hang`` never replies, ``half`` stops within the response, ``close`` disconnects."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""


async def eventually(true: Callable[[], object], within_s: float = 90) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - the conditions are of many kinds, and none can be awaited
            await asyncio.sleep(0.01)


class HttpServer:
    """An HTTP/1.1 server that calls a handler for each request; a context manager that closes every connection."""

    def __init__(
        self, handler: Callable[[ReceivedRequest], Reply], port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._handler = handler
        self._tls = tls
        self.port = port
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "HttpServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with suppress(ConnectionError, h11.RemoteProtocolError):
            connection = h11.Connection(h11.SERVER)
            while post := await self._receive(connection, reader):
                if not await self._answer(connection, writer, self._handler(post)):
                    break
                connection.start_next_cycle()
        self._writers.discard(writer)
        writer.close()

    async def _receive(self, connection: h11.Connection, reader: asyncio.StreamReader) -> ReceivedRequest | None:
        request: h11.Request | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and request:
                headers = {key.decode().title(): value.decode() for key, value in request.headers}
                return ReceivedRequest(request.method.decode(), request.target.decode(), headers, body)
            else:
                return None

    async def _answer(self, connection: h11.Connection, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        if reply.fault == "close":
            return False
        if reply.fault == "hang":
            await asyncio.Future()
        headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body) + 10 * (reply.fault == "half")))]
        data = connection.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        writer.write(data + (connection.send(h11.Data(data=reply.body)) or b""))
        await writer.drain()
        if reply.fault == "half":
            await asyncio.Future()
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return True


class ZoomMeeting:
    """A Zoom meeting: accepts each ``seq`` once, in rising order, and reports the last one."""

    def __init__(self, signature: str = "nYtXJqRKCW") -> None:
        self.signature = signature
        self.seq = 0
        self.captions: list[tuple[int, str, str]] = []
        self.repeated = 0
        self.faults: list[
            Reply
        ] = []  # one for each of the next captions; with a header ``late`` the caption is accepted first

    def address(self, server: HttpServer) -> str:
        query = f"id=200610693&ns=GZHkEA==&expire=86400&spparams=id%2Cns%2Cexpire&signature={self.signature}"
        return f"{server.url}/closedcaption?{query}"

    def __call__(self, post: ReceivedRequest) -> Reply:
        if post.query.get("signature") != self.signature:
            return Reply(403)
        if post.method == "GET" and post.path == "/closedcaption/seq":
            return Reply(body=str(self.seq).encode())
        if post.method != "POST" or post.path != "/closedcaption" or "seq" not in post.query:
            return Reply(405 if post.method != "POST" else 403)
        assert post.headers["Content-Type"].startswith("text/plain")
        fault = self.faults.pop(0) if self.faults else None
        if fault and fault.headers.pop("late", None) is None:
            return fault
        seq = int(post.query["seq"])
        if seq <= self.seq:
            self.repeated += 1
        else:
            self.seq = seq
            self.captions.append((seq, post.query["lang"], post.body.decode()))
        return fault or Reply(body=b"2026-01-02T03:04:05.678")


class ObsServer:
    """OBS with obs-websocket 5 (Hello, Identify, Identified, requests), as in its protocol.md."""

    def __init__(self, password: str = "", port: int = 0) -> None:
        self.password = password
        self.port = port
        self.streaming = True
        self.sources = {"Captions"}
        self.captions: list[str] = []
        self.times: list[float] = []  # when each caption was received, in s of the event loop's clock
        self.texts: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.identified = 0
        self.hangs = False
        self._server: Server | None = None

    async def __aenter__(self) -> "ObsServer":
        self._server = await serve(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def kick(self) -> None:
        """Closes every connection, as the Kick button in OBS's list of sessions does."""
        assert self._server
        await asyncio.gather(*(c.close(4011, "Session invalidated") for c in self._server.connections))

    async def _serve(self, socket: ServerConnection) -> None:
        salt, challenge = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        demand = {"authentication": {"challenge": challenge, "salt": salt}} if self.password else {}
        about = {"obsStudioVersion": "30.2.2", "obsWebSocketVersion": "5.5.2", "rpcVersion": 1}
        with suppress(ConnectionClosed):
            await socket.send(json.dumps({"op": 0, "d": about | demand}))
            first = json.loads(await socket.recv())
            if first["op"] != 1:
                await socket.close(4007, "You attempted to send a message before identifying")
                return
            if first["d"]["rpcVersion"] != 1:
                await socket.close(4010, "Your requested RPC version is not supported")
                return
            if self.password and first["d"].get("authentication") != self._expected(salt, challenge):
                await socket.close(4009, "Authentication failed.")
                return
            await socket.send(json.dumps({"op": 2, "d": {"negotiatedRpcVersion": 1}}))
            self.identified += 1
            async for text in socket:
                if not self.hangs:
                    await socket.send(json.dumps({"op": 7, "d": await self._answer(json.loads(text))}))

    def _expected(self, salt: str, challenge: str) -> str:
        secret = base64.b64encode(hashlib.sha256(f"{self.password}{salt}".encode()).digest())
        return base64.b64encode(hashlib.sha256(secret + challenge.encode()).digest()).decode()

    async def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        assert message["op"] == 6
        request = message["d"]
        self.requests.append(request)
        code = self._do(request["requestType"], request.get("requestData", {}))
        status = {"result": code == 100, "code": code}
        return {"requestType": request["requestType"], "requestId": request["requestId"], "requestStatus": status}

    def _do(self, kind: str, data: dict[str, Any]) -> int:
        if kind == "SendStreamCaption":
            if not isinstance(data.get("captionText"), str):
                return 300
            if not self.streaming:
                return 501
            self.captions.append(data["captionText"])
            self.times.append(asyncio.get_running_loop().time())
            return 100
        if kind == "SetInputSettings":
            if data.get("inputName") not in self.sources:
                return 600
            self.texts.append(data["inputSettings"]["text"])
            return 100
        return 204
