"""Outputs with real sockets and pipes, to servers with each target's protocol, and their faults."""

import asyncio
import hashlib
import hmac
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from streamstt.config.loader import settings_from_mapping
from streamstt.hub.health import hub_health
from streamstt.hub.hub import Hub
from streamstt.hub.revisions import Correction
from streamstt.outputs import youtube
from streamstt.outputs.base import TargetUnavailable
from streamstt.outputs.factory import finish_outputs, make_outputs
from streamstt.outputs.http_client import HttpClient
from tests.support.brokers import free_port
from tests.support.captions import final, make_hub, partial
from tests.support.target_servers import HttpServer, ObsServer, ReceivedRequest, Reply, ZoomMeeting, eventually

LONG = "Every word of this has been written down before, and it is said again so that the tests know all of it."


@asynccontextmanager
async def publishing(**settings: Any) -> AsyncIterator[Hub]:
    """A hub with the outputs of these settings (``zoom__url`` is ``zoom.url``); on exit all captions are sent."""
    hub = make_hub()
    named = {key.replace("__", "."): value for key, value in settings.items()}
    outputs = make_outputs(settings_from_mapping(named), hub)
    assert outputs
    async with asyncio.timeout(300), asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(output.run()) for output in outputs]
        await asyncio.sleep(0.01)
        yield hub
        hub.finish()
        await finish_outputs(running)


def publish_finals(hub: Hub, *texts: str) -> None:
    for text in texts:
        hub.publish(final(text, number=hub.seq + 1))


def count(hub: Hub, what: str, target: str) -> float:
    """Returns a metric of a target."""
    suffix = "" if what in {"waiting", "away"} else "_total"
    value = hub.counters.registry.get_sample_value(f"streamstt_outlet_{what}{suffix}", {"target": target})
    assert value is not None
    return value


# ---- HTTP client


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(fault="hang"), "no answer within 1 s"),
        (Reply(body=b"so far", fault="half"), "no answer within 1 s"),
        (Reply(fault="close"), "the connection broke"),
    ],
)
async def test_answers_that_never_come(reply: Reply, why: str) -> None:
    """A server that hangs, stops within its response, or closes is unavailable; the message omits its URL."""
    client = HttpClient(timeout_s=60 if reply.fault == "close" else 1)
    async with HttpServer(lambda _: reply) as server:
        with pytest.raises(TargetUnavailable) as caught:
            await client.post(f"{server.url}/?token=hunter2", b"x", {})
        assert why in str(caught.value)
        assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)
    await client.close()


async def test_connection_refused() -> None:
    """A server that is not there is unavailable; the message omits its URL."""
    client = HttpClient(timeout_s=60)
    with pytest.raises(TargetUnavailable, match="no connection") as caught:
        await client.post(f"http://localhost:{free_port()}/?token=hunter2", b"x", {})
    assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)
    await client.close()


async def test_redirections_are_not_followed() -> None:
    """Captions are sent to the URL that the user has set, and to no other."""
    others: list[ReceivedRequest] = []
    async with HttpServer(lambda post: others.append(post) or Reply()) as other:
        moved = Reply(307, {"Location": f"{other.url}/stolen"})
        async with HttpServer(lambda _: moved) as server, publishing(webhook__url=server.url) as hub:
            publish_finals(hub, "Hello.")
            await eventually(lambda: count(hub, "dropped", "webhook"))
            await eventually(lambda: "redirects are not followed" in hub_health(hub).summary)
    assert others == []


async def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that this machine does not trust is reported; one that it trusts is accepted."""
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    async with HttpServer(lambda _: Reply(), tls=context) as server:
        with pytest.raises(TargetUnavailable, match="its certificate is not trusted"):
            await HttpClient().post(server.url, b"x", {})
        ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        client = HttpClient()
        assert (await client.post(server.url, b"x", {})).is_success
        await client.close()


# ---- webhook


async def test_a_webhook_gets_every_final(tmp_path: Path) -> None:
    """Each final is one POST of JSON, signed, over one connection."""
    posts: list[ReceivedRequest] = []
    (tmp_path / "secret").write_text("key\n")
    settings = {"webhook__secret_file": str(tmp_path / "secret")}
    async with HttpServer(lambda post: posts.append(post) or Reply(204)) as server:
        async with publishing(webhook__url=f"{server.url}/hook", **settings) as hub:
            hub.publish(partial("One"))
            publish_finals(hub, "One.", "Zwei: Grüße.")
        assert server.connections == 1
    for post, text in zip(posts, ["One.", "Zwei: Grüße."], strict=True):
        data = json.loads(post.body)
        assert (data["type"], data["text"], data["label"]) == ("final", text, "Mic")
        assert post.headers["Idempotency-Key"] == f"{data['session']}-{data['seq']}"
        signed = post.headers["X-Streamstt-Timestamp"].encode() + b"." + post.body
        expected = hmac.new(b"key", signed, hashlib.sha256).hexdigest()
        assert post.headers["X-Streamstt-Signature"] == f"sha256={expected}"


async def test_a_webhook_gets_revisions() -> None:
    """A revision is a POST of its own after that of the final, with a key of its own."""
    posts: list[ReceivedRequest] = []
    server = HttpServer(lambda post: posts.append(post) or Reply(204))
    async with server, publishing(webhook__url=server.url) as hub:
        hub.publish(final("Good mourning."))
        hub.revise(Correction("mic-1", "Good morning."))
    bodies = [json.loads(post.body) for post in posts]
    assert [(body["type"], body["text"], body["label"]) for body in bodies] == [
        ("final", "Good mourning.", "Mic"),
        ("revised", "Good morning.", "Mic"),
    ]
    assert len({post.headers["Idempotency-Key"] for post in posts}) == 2


async def test_a_webhook_that_is_busy_gets_the_same_again() -> None:
    """500 and 429 are retried with the same key, 429 not before its Retry-After; 400 is not retried."""
    loop = asyncio.get_running_loop()
    replies = [Reply(500), Reply(429, {"Retry-After": "1"}), Reply(), Reply(400), Reply()]
    posts: list[tuple[float, ReceivedRequest]] = []
    async with (
        HttpServer(lambda post: posts.append((loop.time(), post)) or replies.pop(0)) as server,
        publishing(webhook__url=server.url) as hub,
    ):
        publish_finals(hub, "One.", "Two.", "Three.")
        await eventually(lambda: not replies)
        assert count(hub, "retries", "webhook") == 2
    assert [json.loads(post.body)["text"] for _, post in posts] == ["One.", "One.", "One.", "Two.", "Three."]
    assert len({post.headers["Idempotency-Key"] for _, post in posts}) == 3
    assert posts[2][0] - posts[1][0] >= 0.99
    assert (count(hub, "delivered", "webhook"), count(hub, "dropped", "webhook")) == (2, 1)


async def test_a_webhook_that_is_gone() -> None:
    """After 410 nothing more is sent."""
    posts: list[ReceivedRequest] = []
    async with (
        HttpServer(lambda post: posts.append(post) or Reply(410)) as server,
        publishing(webhook__url=server.url) as hub,
    ):
        publish_finals(hub, "One.")
        await eventually(lambda: "410" in hub_health(hub).summary)
        publish_finals(hub, "Two.")
    assert len(posts) == 1
    assert count(hub, "dropped", "webhook") == 2


async def test_a_webhook_that_restarts_misses_nothing() -> None:
    """Captions wait in order while it is unavailable; health reports that, and stays ready."""
    received: list[str] = []
    handler = lambda post: received.append(json.loads(post.body)["text"]) or Reply()  # noqa: E731
    server = HttpServer(handler, free_port())
    async with publishing(webhook__url=server.url) as hub:
        publish_finals(hub, "One.", "Two.")
        await eventually(lambda: "to webhook" in hub_health(hub).summary)
        assert hub_health(hub).ready
        async with HttpServer(handler, server.port):
            await eventually(lambda: received == ["One.", "Two."])
            await eventually(lambda: hub_health(hub).reasons == ())  # once it has the response, too
        publish_finals(hub, "Three.")
        async with HttpServer(handler, server.port):
            await eventually(lambda: received == ["One.", "Two.", "Three."])


# ---- Zoom


async def test_zoom(tmp_path: Path) -> None:
    """Captions continue from the meeting's last seq; the URL of the next meeting is read from the file."""
    meeting, other = ZoomMeeting(), ZoomMeeting("other")
    meeting.seq = 17
    file = tmp_path / "zoom"
    now = meeting
    async with HttpServer(lambda post: now(post)) as server:  # noqa: PLW0108 - ``now`` is replaced below
        file.write_text(meeting.address(server))
        async with publishing(zoom__url_file=str(file)) as hub:
            publish_finals(hub, "One.", "Two.")
            await eventually(lambda: len(meeting.captions) == 2)
            now = other
            file.write_text(other.address(server))
            publish_finals(hub, "Three.")
            await eventually(lambda: other.captions)
    assert meeting.captions == [(18, "en-US", "One.\n"), (19, "en-US", "Two.\n")]
    assert other.captions == [(1, "en-US", "Three.\n")]


async def test_zoom_has_a_caption_once() -> None:
    """A caption whose response was lost is not sent twice; one that did not arrive is sent again with the same seq."""
    meeting = ZoomMeeting()
    meeting.faults = [Reply(fault="close", headers={"late": ""}), Reply(503)]
    async with HttpServer(meeting) as server, publishing(zoom__url=meeting.address(server)) as hub:
        publish_finals(hub, "One.", "Two.", "Three.")
        await eventually(lambda: len(meeting.captions) == 3)
    assert [(seq, text) for seq, _, text in meeting.captions] == [(1, "One.\n"), (2, "Two.\n"), (3, "Three.\n")]
    assert meeting.repeated == 0
    assert count(hub, "delivered", "zoom") == 3


async def test_a_meeting_that_has_not_started() -> None:
    """It is reported, and captions are sent when it has begun."""
    meeting = ZoomMeeting()
    started = False
    async with (
        HttpServer(lambda post: meeting(post) if started else Reply(400)) as server,
        publishing(zoom__url=meeting.address(server), zoom__language="de-DE") as hub,
    ):
        publish_finals(hub, "Eins.")
        await eventually(lambda: "the meeting has not started" in hub_health(hub).summary)
        assert "nYtXJqRKCW" not in hub_health(hub).summary
        started = True
        await eventually(lambda: meeting.captions == [(1, "de-DE", "Eins.\n")])


# ---- YouTube


async def test_youtube() -> None:
    """Cues have times in UTC; seq is incremented with each caption, and repeated with a retry."""
    posts: list[ReceivedRequest] = []
    replies = [Reply(), Reply(500), Reply(), Reply()]
    async with (
        HttpServer(lambda post: posts.append(post) or replies.pop(0)) as server,
        publishing(youtube__url=f"{server.url}/closedcaption?cid=abcd-efgh") as hub,
    ):
        publish_finals(hub, "One.", "Two.", "Three.")
        await eventually(lambda: not replies)
    assert [post.body.decode().splitlines()[1] for post in posts] == ["One.", "Two.", "Two.", "Three."]
    assert posts[0].body.startswith(b"2026-01-02T03:04:05.678\n")
    first = int(posts[0].query["seq"])
    assert [int(post.query["seq"]) - first for post in posts] == [0, 1, 1, 2]
    assert {(post.query["cid"], post.headers["Content-Type"]) for post in posts} == {
        ("abcd-efgh", "text/plain; charset=utf-8")
    }


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_youtube_that_refuses(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """A refusal that will not heal is no reason to ask again: each caption is sent once, and the reason is reported."""
    monkeypatch.setattr(youtube, "FIRST_PAUSE_S", 0.0)
    posts: list[str] = []
    refusing = True

    def handler(post: ReceivedRequest) -> Reply:
        posts.append(post.body.decode().splitlines()[1])
        return Reply(status) if refusing else Reply()

    async with (
        HttpServer(handler) as server,
        publishing(youtube__url=f"{server.url}/closedcaption?cid=abcd-efgh") as hub,
    ):
        publish_finals(hub, "One.", "Two.")
        await eventually(lambda: count(hub, "dropped", "youtube") == 2)
        assert f"it answers {status}" in hub_health(hub).summary
        assert "abcd" not in hub_health(hub).summary
        refusing = False
        publish_finals(hub, "Three.")
        await eventually(lambda: count(hub, "delivered", "youtube") == 1)
        assert hub.notices == []
        assert count(hub, "retries", "youtube") == 0
    assert posts == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("status", [408, 425, 429])
async def test_youtube_that_asks_for_another_attempt(status: int) -> None:
    """A status that means later is no refusal: the caption is sent again."""
    statuses = iter([status])

    def handler(_: ReceivedRequest) -> Reply:
        return Reply(next(statuses, 200))

    async with (
        HttpServer(handler) as server,
        publishing(youtube__url=f"{server.url}/closedcaption?cid=abcd-efgh") as hub,
    ):
        publish_finals(hub, "One.")
        await eventually(lambda: count(hub, "delivered", "youtube") == 1)
        assert count(hub, "dropped", "youtube") == 0


async def test_youtube_is_not_asked_for_every_caption(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While YouTube refuses captions, there is a pause between requests; a new address is tried at once."""
    monkeypatch.setattr(youtube, "FIRST_PAUSE_S", 3600.0)
    monkeypatch.setattr(youtube, "LAST_PAUSE_S", 3600.0)
    posts: list[str] = []

    def handler(post: ReceivedRequest) -> Reply:
        posts.append(post.body.decode().splitlines()[1])
        return Reply(403 if post.query["cid"] == "old" else 200)

    async with HttpServer(handler) as server:
        file = tmp_path / "url"
        file.write_text(f"{server.url}/closedcaption?cid=old")
        async with publishing(youtube__url_file=str(file)) as hub:
            publish_finals(hub, *(f"{n}." for n in range(30)))
            await eventually(lambda: count(hub, "dropped", "youtube") == 30)
            file.write_text(f"{server.url}/closedcaption?cid=new")
            publish_finals(hub, "New.")
            await eventually(lambda: count(hub, "delivered", "youtube") == 1)
    assert posts == ["0.", "New."]


# ---- OBS


async def test_obs(tmp_path: Path) -> None:
    """With the password, finals become closed captions; a long one is sent in parts, slowly enough to read."""
    (tmp_path / "password").write_text("supersecretpassword\n")
    password = str(tmp_path / "password")
    async with (
        ObsServer("supersecretpassword") as obs,
        publishing(obs__url=obs.url, obs__password_file=password) as hub,
    ):
        await eventually(lambda: obs.identified)  # before anything is said
        hub.publish(partial("Hel"))
        publish_finals(hub, "Hello.", LONG)
        await eventually(lambda: len(obs.captions) == 3)
    assert obs.captions[0] == "Hello."
    assert " ".join(" ".join(obs.captions[1:]).split()) == LONG
    assert all(len(line) <= 32 for text in obs.captions for line in text.split("\n"))
    assert all(text.count("\n") <= 2 for text in obs.captions)
    assert obs.times[2] - obs.times[1] > len(obs.captions[1]) / 30


async def test_obs_that_does_not_stream() -> None:
    """Captions are dropped while OBS is not streaming, and nothing is reported."""
    async with ObsServer() as obs, publishing(obs__url=obs.url) as hub:
        obs.streaming = False
        publish_finals(hub, "One.")
        await eventually(lambda: count(hub, "dropped", "obs") == 1)
        obs.streaming = True
        publish_finals(hub, "Two.")
        await eventually(lambda: obs.captions == ["Two."])
        assert (hub.notices, count(hub, "retries", "obs")) == ([], 0)


async def test_a_wrong_password(tmp_path: Path) -> None:
    """It is reported without the password; when the file has the right one, captions are sent."""
    file = tmp_path / "password"
    file.write_text("hunter2")
    async with ObsServer("another") as obs, publishing(obs__url=obs.url, obs__password_file=str(file)) as hub:
        await eventually(lambda: "it refuses the password" in hub_health(hub).summary)
        assert "hunter2" not in hub_health(hub).summary
        file.write_text("another")
        publish_finals(hub, "One.")
        await eventually(lambda: obs.captions == ["One."])
        await eventually(lambda: hub_health(hub).reasons == ())


async def test_obs_that_restarts() -> None:
    """Whether OBS ends while nobody speaks, or starts after the daemon, the connection is restored."""
    obs = ObsServer(port=free_port())
    async with publishing(obs__url=obs.url) as hub:
        publish_finals(hub, "One.")
        await eventually(lambda: "to obs" in hub_health(hub).summary)
        async with ObsServer(port=obs.port) as second:
            await eventually(lambda: second.captions == ["One."])
        async with ObsServer(port=obs.port) as third:
            await eventually(lambda: third.identified)
            publish_finals(hub, "Two.")
            await eventually(lambda: third.captions == ["Two."])


async def test_obs_kicks_the_client() -> None:
    """After Kick in OBS's list of sessions, the client does not reconnect."""
    async with ObsServer() as obs, publishing(obs__url=obs.url) as hub:
        await eventually(lambda: obs.identified)
        await obs.kick()
        publish_finals(hub, "One.")
        await eventually(lambda: "Kick" in hub_health(hub).summary)
        assert obs.identified == 1


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_another_server_than_obs(scheme: str) -> None:
    """A server that is not OBS is reported as such."""
    async with HttpServer(lambda _: Reply()) as server, publishing(obs__url=server.url.replace("http", "ws")) as hub:
        await eventually(lambda: "is not obs-websocket" in hub_health(hub).summary)


async def test_a_text_source() -> None:
    """It is updated while people speak, within the rate limit, and cleared after silence and at the end."""
    settings = {"obs__text_source": "Captions", "obs__clear_s": 0.6, "obs__updates_s": 10}
    async with ObsServer() as obs, publishing(obs__url=obs.url, **settings) as hub:
        hub.publish(partial("One"))
        await eventually(lambda: "One" in obs.texts)
        started = asyncio.get_running_loop().time()
        for rev in range(2, 22):
            hub.publish(partial(f"One two {rev}", rev=rev))
            await asyncio.sleep(0.01)
        hub.publish(final("One two three."))
        await eventually(lambda: "One two three." in obs.texts)
        assert len(obs.texts) <= 4 + 10 * (
            asyncio.get_running_loop().time() - started
        )  # about 0.3 s, at ten per second
        await eventually(lambda: obs.texts[-1:] == [""])
        hub.publish(final("Four.", number=2))
        await eventually(lambda: "Four." in obs.texts)
    assert obs.texts[-1] == ""
    assert {r["requestType"] for r in obs.requests} == {"SetInputSettings"}


async def test_a_text_source_is_corrected() -> None:
    """A caption that is still shown is replaced, or removed."""
    async with ObsServer() as obs, publishing(obs__url=obs.url, obs__text_source="Captions", obs__clear_s=0) as hub:
        hub.publish(final("Good mourning.", number=1), final("Let us begin.", number=2))
        await eventually(lambda: obs.texts[-1:] == ["Good mourning. Let us begin."])
        hub.revise(Correction("mic-1", "Good morning."))
        await eventually(lambda: obs.texts[-1:] == ["Good morning. Let us begin."])
        hub.revise(Correction("mic-1", hidden=True))
        await eventually(lambda: obs.texts[-1:] == ["Let us begin."])


async def test_a_missing_text_source() -> None:
    """Its name is reported; when it is created, captions are shown."""
    async with ObsServer() as obs, publishing(obs__url=obs.url, obs__text_source="Subtitles") as hub:
        hub.publish(partial("One"))
        await eventually(lambda: "no source named 'Subtitles'" in hub_health(hub).summary)
        obs.sources.add("Subtitles")
        hub.publish(partial("One two", rev=2))
        await eventually(lambda: obs.texts[-1:] == ["One two"])
        await eventually(lambda: hub_health(hub).reasons == ())  # once it has the response, too


# ---- the named pipe


async def test_a_pipe_with_readers_that_come_and_go(tmp_path: Path) -> None:
    """Lines are dropped while there is no reader; each reader starts with a whole line, whatever was left unread."""
    path = tmp_path / "captions"
    async with publishing(output__pipe=str(path)) as hub:
        publish_finals(hub, "Nobody reads this.")
        await eventually(lambda: count(hub, "dropped", "pipe") == 1)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        publish_finals(hub, "One.", "Two.")
        await eventually(lambda: count(hub, "delivered", "pipe") == 2)
        assert os.read(reader, 6) == b"One.\nT"
        os.close(reader)
        await asyncio.sleep(0.02)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        publish_finals(hub, "Three.")
        await eventually(lambda: count(hub, "delivered", "pipe") == 3)
        assert os.read(reader, 100) == b"Three.\n"
        os.close(reader)
        assert hub.notices == []
    assert path.is_fifo()


async def test_a_pipe_whose_reader_sleeps(tmp_path: Path) -> None:
    """Lines wait while the pipe is full, and the oldest are dropped beyond the bound; the reader gets whole lines."""
    path = tmp_path / "captions"
    async with publishing(output__pipe=str(path)) as hub:
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        texts = [f"{number} {'word ' * 1000}".strip() for number in range(230)]
        publish_finals(hub, *texts)
        await eventually(lambda: count(hub, "dropped", "pipe"))
        received = b""
        while not received.endswith(b"\n") or texts[-1].encode() not in received:
            with suppress(BlockingIOError):
                received += os.read(reader, 65536)
            await asyncio.sleep(0.001)
        os.close(reader)
    lines = received.decode().splitlines()
    assert set(lines) <= set(texts)
    assert lines == sorted(lines, key=texts.index)
    assert lines[-1] == texts[-1]
    assert count(hub, "dropped", "pipe") == len(texts) - len(lines) > 0
