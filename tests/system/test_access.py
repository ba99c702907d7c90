"""Access control: tokens, roles, web pages from other origins, and host names. A script takes the place of Whisper."""

import http.server
import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.daemon import (
    DATA,
    SENTENCES,
    STOP_S,
    WITHIN_S,
    captions,
    command,
    environment,
    exchange,
    get,
    receive,
    receive_all,
    refusal_status,
    tokens_in,
    write_script,
)
from tests.support.forked import Daemon, run, start

FIRST = SENTENCES[0]
TALK = ["--source", f"file:{DATA / 'long_sentence.flac'}", "--loop"]


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon on loopback that plays back the script."""
    with Daemon(*write_script(tmp_path_factory.mktemp("script")), *TALK) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of ``closed``, with its tokens."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def closed(state: Path) -> Iterator[Daemon]:
    """A daemon that other machines can reach, which therefore demands tokens."""
    with Daemon(*write_script(state), *TALK, "--host", "0.0.0.0", env={"STATE_DIRECTORY": str(state)}) as daemon:
        yield daemon
        assert not any(token in daemon.log for token in tokens_in(state).values()), "no token is ever logged"
        assert "Traceback" not in daemon.log


# ---- tokens


async def test_a_token_for_others(closed: Daemon, state: Path) -> None:
    """Where other machines can reach it, captions need a valid token, in header, address or first message."""
    key = tokens_in(state)
    assert (state / "tokens").stat().st_mode & 0o777 == 0o600
    async with captions(closed, additional_headers={"Authorization": f"Bearer {key['viewer']}"}) as one:
        assert (await receive(one))["type"] == "hello"
    async with captions(closed, f"/captions?token={key['all']}") as two:
        assert (await receive(two))["type"] == "hello"
    async with captions(closed) as three:
        await three.send(json.dumps({"type": "auth", "token": key["viewer"]}))
        assert (await receive(three))["type"] == "hello"
    assert await refusal_status(closed, "/captions?token=" + "x" * 32) == 401
    for message in ('{"type":"auth","token":"wrong"}', '{"type":"auth","token":7}', "hello", b"\xff\x00", "[" * 4000):
        async with captions(closed) as wrong:
            await wrong.send(message)
            assert [m["type"] for m in await receive_all(wrong)] == ["error"]
            assert wrong.close_code == 1008


async def test_roles(closed: Daemon, state: Path) -> None:
    """A viewer cannot send audio; a speaker can, but cannot read what others say."""
    key = tokens_in(state)
    assert await refusal_status(closed, f"/audio?token={key['viewer']}") == 403
    assert await refusal_status(closed, f"/captions?token={key['speaker']}") == 403
    assert get(f"{closed.url}/transcript.txt?token={key['speaker']}")[0] == 403
    async with captions(closed, "/audio") as viewer:
        await viewer.send(json.dumps({"type": "auth", "token": key["viewer"]}))
        assert (await receive(viewer))["code"] == "bad_token"
    async with captions(closed, f"/audio?token={key['speaker']}") as speaker:
        assert (await receive(speaker))["sources"][0]["name"] == "remote"


def test_pages_need_a_token(closed: Daemon, state: Path) -> None:
    """Without a token there is no page and no transcript, and health is a single word."""
    for path in ("/", "/overlay", "/transcript.txt", "/transcript.json", "/pages/shared/feed.js", "/nothing"):
        assert get(closed.url + path)[0] == 401
    assert json.loads(get(f"{closed.url}/healthz")[1]).keys() == {"status"}
    bearer = f"Bearer {tokens_in(state)['viewer']}"
    assert get(f"{closed.url}/transcript.txt", Authorization=bearer)[0] == 200
    assert "sources" in get(f"{closed.url}/healthz", Authorization=bearer)[1]


def test_token_in_a_browser(closed: Daemon, state: Path, browser: Chrome) -> None:
    """The address with the token opens the page, which has captions and transcript, and removes it from the address."""
    browser.get(f"{closed.url}/?token={tokens_in(state)['viewer']}")
    log = "return document.querySelector('#log').textContent"
    WebDriverWait(browser, WITHIN_S).until(lambda b: FIRST in b.execute_script(log))
    assert browser.current_url == f"{closed.url}/"
    assert "token" not in browser.execute_script("return document.cookie"), "scripts cannot read it"
    text = browser.execute_script("return fetch('transcript.txt').then(answer => answer.text())")
    assert FIRST in text
    browser.get(f"{closed.url}/overlay")
    WebDriverWait(browser, WITHIN_S).until(
        lambda b: b.execute_script("return document.querySelector('#lines').textContent")
    )


def test_tokens_are_shown_once(script: list[str], tmp_path: Path) -> None:
    """The address with the viewers' token is shown on a terminal, at the first start only; never in a pipe or log."""

    def printed_at_start() -> str:
        """Returns what the daemon prints on a terminal until it is ready."""
        ours, theirs = pty.openpty()
        process = start(
            command("run", "--port", "0", *script, "--source", "ws", "--set", "server.require_token=true"),
            env=environment({"STATE_DIRECTORY": str(tmp_path)}), stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        printed = ""
        while "Tokens:" not in printed:
            printed += os.read(ours, 4096).decode()
        process.terminate()
        assert process.wait(STOP_S) == 0
        with suppress(OSError):  # a terminal reports its end so
            while rest := os.read(ours, 4096):  # of the line, too
                printed += rest.decode()
        os.close(ours)
        return printed

    first, second = printed_at_start(), printed_at_start()
    key = tokens_in(tmp_path)
    assert re.search(rf"Captions: http://127\.0\.0\.1:\d+/\?token={re.escape(key['viewer'])}", first)
    assert str(tmp_path / "tokens") in second
    assert not any(token in second for token in key.values())
    assert key["all"] not in first
    assert key["speaker"] not in first


def test_listen_with_a_token(closed: Daemon, state: Path) -> None:
    """`listen` takes the token from the address or the environment; for a wrong one it prints the daemon's message."""
    key = tokens_in(state)["viewer"]
    denied = run("listen", f"{closed.url}/?token={'x' * 32}")
    assert denied.returncode == 5
    assert "not known here" in denied.stderr
    for arguments, env in (([f"{closed.url}/?token={key}"], {}), ([closed.url], {"STREAMSTT_TOKEN": key})):
        process = start(command("listen", *arguments, "--json"), env=environment(env), stdout=subprocess.PIPE)
        assert json.loads(process.stdout.readline())["type"] == "hello"
        process.kill()
        process.wait()
        process.stdout.close()


def test_listen_without_a_token(script: list[str], tmp_path: Path) -> None:
    """It prints the daemon's message when the time for a token is over."""
    demands = ["--set", "server.require_token=true", "--set", "server.handshake_s=2"]
    with Daemon(*script, "--source", "ws", *demands, env={"STATE_DIRECTORY": str(tmp_path)}) as daemon:
        missing = run("listen", daemon.url)
    assert missing.returncode == 5
    assert "needs a token" in missing.stderr


# ---- pages from other origins


def test_hostile_page(talking: Daemon, tmp_path: Path, unchecked_browser: Chrome) -> None:
    """A web page from another port in the user's browser gets no captions and no transcript, and cannot send audio."""
    (tmp_path / "index.html").write_text("<!doctype html><title>evil</title>")
    port = urlsplit(talking.url).port
    with _web_server(tmp_path) as evil:
        unchecked_browser.get(evil)
        script = f"""
          const done = arguments[0], seen = [];
          const watch = path => new Promise(end => {{
            const socket = new WebSocket('ws://127.0.0.1:{port}' + path);
            socket.onmessage = event => seen.push(event.data);
            socket.onopen = () => seen.push('open ' + path);
            socket.onclose = end;
          }});
          const read = (path, mode) => fetch('http://127.0.0.1:{port}' + path, {{mode}})
            .then(answer => answer.text()).then(text => text && seen.push(text)).catch(() => null);
          Promise.all([
            watch('/captions'), watch('/audio'), read('/transcript.txt', 'cors'), read('/transcript.txt', 'no-cors'),
            read('/', 'cors'), read('/healthz', 'cors'),
          ]).then(() => done(seen));
        """
        assert unchecked_browser.execute_async_script(script) == []
    talking.wait_for_log("Pages from elsewhere")
    assert "server.allowed_origins" in talking.log


def test_local_file(script: list[str], tmp_path: Path, unchecked_browser: Chrome) -> None:
    """A page that is a local file, as OBS can show, has no access either, unless the settings allow local files."""
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>mine</title>")
    ask = """
      const done = arguments[1], socket = new WebSocket(arguments[0]);
      socket.onmessage = event => { done(JSON.parse(event.data).type); socket.close(); };
      socket.onclose = () => done('closed');
    """
    for options, expected in (((), "closed"), (("--set", "server.allowed_origins=file"), "hello")):
        with Daemon(*script, "--source", "ws", *options) as daemon:
            unchecked_browser.get(page.as_uri())
            address = daemon.url.replace("http", "ws", 1) + "/captions"
            assert unchecked_browser.execute_async_script(ask, address) == expected


def test_rebound_name(talking: Daemon) -> None:
    """With a host name that is not allowed (DNS rebinding) there are neither pages nor captions."""
    for path in ("/", "/transcript.txt", "/healthz"):
        assert get(talking.url + path, Host="evil.example:8765")[0] == 421
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"
    handshake = (
        f"GET /captions HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n"
    )
    assert exchange(talking, handshake.encode())[9:12] == b"421"
    talking.wait_for_log("server.allowed_hosts")


async def test_allowed_names(script: list[str]) -> None:
    """Host names and origins in the settings are allowed."""
    allowed = ("--set", "server.allowed_hosts=captions.example", "--set", "server.allowed_origins=https://a.example")
    with Daemon(*script, "--source", "ws", *allowed) as daemon:
        assert get(f"{daemon.url}/", Host="captions.example")[0] == 200
        async with captions(daemon, additional_headers={"Origin": "https://a.example"}) as viewer:
            assert (await receive(viewer))["type"] == "hello"
        assert await refusal_status(daemon, Origin="https://b.example") == 403


@contextmanager
def _web_server(folder: Path) -> Iterator[str]:
    """Starts another web server on loopback, with the files of a folder; yields its address."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
