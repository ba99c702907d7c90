"""Downloads of the captions: nobody's captions wait for them, and they hold the whole session."""

import asyncio
import json
import urllib.request
from pathlib import Path

from websockets.asyncio.client import connect

from tests.support.captions import final, partial
from tests.support.daemon import captions, get, receive_all, receive_until, speak
from tests.support.forked import Daemon
from tests.support.http_server import serving
from tests.support.transcripts import finals
from tests.support.viewers import SPEECH

TEXT = "So we said that the budget of this year is not what anybody in this room had in mind when we began."


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=120) as response:
        return bytes(response.read())


async def test_captions_flow_during_a_download() -> None:
    """While a file is rendered, viewers receive what is published."""
    async with serving() as server:
        server.hub.set_limits(history=400, hello_history=1, queue=10_000)
        for number in range(400):
            server.hub.publish(final(TEXT, number * 10.0, number * 10 + 8.0, number=number))
        async with connect(server.url.replace("http", "ws") + "captions") as viewer:
            await viewer.recv()
            downloading = asyncio.create_task(asyncio.to_thread(download, f"{server.url}transcript.srt"))
            received = 0
            while not downloading.done():
                renderings = list(server.server._downloads._tasks)
                server.hub.publish(partial("and so it goes", number=3000))
                await viewer.recv()
                received += any(r.file and not r.ended.is_set() for r in renderings)
                await asyncio.sleep(0.001)
            text = (await downloading).decode()
    assert received > 10
    assert text.count("began.") == 400


async def test_the_whole_session(brisk: list[str], tmp_path: Path) -> None:
    """With transcripts, a download has all captions of the session, however few the daemon keeps in memory and however
    many sets there are, with the labels of guests who have left; or those of the current set only."""
    options = ["--source", "ws", "--set", f"transcript.folder={tmp_path}", "--set", "server.history=2"]
    with Daemon(*brisk, *options) as daemon:
        for name in ("ana", "ben"):
            async with captions(daemon, f"/audio?name={name}&label={name.title()}%20B.") as speaker:
                await speak(speaker, SPEECH[: 2 * 16000 * 10], speed=20)
                await speaker.send('{"type":"end"}')
                await receive_all(speaker)
            async with captions(daemon, "/control") as controller:
                await controller.send('{"type":"mark","title":"After the break"}')
                await receive_until(controller, "marked")
        recorded = finals(tmp_path)
        lines = [f"{f['label']}: {f['text']}" for f in sorted(recorded, key=lambda f: (f["at"], f["seq"]))]
        assert len(lines) > 4
        assert {line[:7] for line in lines} == {"Ana B.:", "Ben B.:"}
        assert (await asyncio.to_thread(get, f"{daemon.url}/transcript.txt"))[1].splitlines() == lines
        listed = json.loads((await asyncio.to_thread(get, f"{daemon.url}/transcript.json"))[1])["captions"]
        kept = ("source", "label", "at", "text")
        assert sorted([c[k] for k in kept] for c in listed) == sorted([f[k] for k in kept] for f in recorded)
        assert len({c["session"] for c in listed}) == 1
        assert (await asyncio.to_thread(get, f"{daemon.url}/transcript.txt?set=current"))[1] == ""
