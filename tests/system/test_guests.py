"""Guests on the local network: addresses, a certificate that phones trust, and the way through a QR code."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from selenium import webdriver
from websockets.asyncio.client import connect

from streamstt.config.server import ServerSettings as Settings
from streamstt.server import tls
from streamstt.server.local_certificate import LocalCertificate
from tests.support.browser import chromium, console_messages, forget_visits, set_viewport, until, until_equal
from tests.support.captions_page import by_id, violations
from tests.support.daemon import get, receive, tokens_in
from tests.support.forked import Daemon, run
from tests.support.http_server import serving
from tests.support.pages import FINALS, STATE
from tests.support.paths import DATA
from tests.support.qr_code import read_pixels

FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
# The pixels of the QR code as a camera sees it, row by row, 0 to 255.
PHOTO = """
  const code = document.querySelector('#code');
  if (!code?.naturalWidth) return null;
  const size = 400, canvas = new OffscreenCanvas(size, size), context = canvas.getContext('2d');
  context.drawImage(code, 0, 0, size, size);
  return Array.from(context.getImageData(0, 0, size, size).data).filter((_, n) => n % 4 === 0);
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of daemons in this process, with tokens and certificate."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


async def test_both_kinds_of_addresses(state: Path) -> None:
    """A server on ``::`` is reached by IPv4 and IPv6, by its page and its WebSocket."""
    async with serving(Settings(host="::", port=0)) as server:
        token = tokens_in(state)["viewer"]
        for host in ("127.0.0.1", "[::1]", "localhost"):
            address = f"{host}:{server.port}"
            assert (await asyncio.to_thread(get, f"http://{address}/transcript.txt?token={token}"))[0] == 200
            async with connect(f"ws://{address}/captions?token={token}", origin=f"http://{address}") as viewer:
                assert (await receive(viewer))["type"] == "hello"


async def until_certified(url: str, trust: ssl.SSLContext, host: str) -> None:
    """Connects until the certificate is for a host."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with connect(url, ssl=trust, server_hostname=host) as viewer:
                    await receive(viewer)
                return
            except ssl.SSLCertVerificationError:
                await asyncio.sleep(0.05)


async def test_a_certificate_follows_the_address(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local certificate is valid for the machine's addresses; with another one it is replaced while clients stay."""
    addresses = ["192.168.1.5"]
    monkeypatch.setattr(tls, "network_addresses", lambda host: addresses)
    monkeypatch.setattr(tls, "RENEW_S", 0.05)
    settings = Settings(host="0.0.0.0", port=0, tls_certificate="local")
    async with serving(settings) as server:
        files = LocalCertificate.in_folder(state / "certificate")
        trust = ssl.create_default_context(cafile=files.authority)
        url = f"wss://127.0.0.1:{server.port}/captions?token={tokens_in(state)['viewer']}"
        async with connect(url, ssl=trust, server_hostname="192.168.1.5") as viewer:
            await receive(viewer)
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(url, ssl=trust, server_hostname="10.0.0.9")
            addresses[:] = ["10.0.0.9"]
            await until_certified(url, trust, "10.0.0.9")
            addresses[:] = ["10.0.0.10"]
            tls.renew_local_certificate(settings)  # as the command does
            await until_certified(url, trust, "10.0.0.10")
            await viewer.ping()


def test_the_command(tmp_path: Path) -> None:
    """`streamstt certificate` makes it, says what it is for and how phones trust it, and makes no second one."""
    env = {"STATE_DIRECTORY": str(tmp_path)}
    first, second = run("certificate", env=env), run("certificate", "--set", "server.host=127.0.0.1", env=env)
    files = LocalCertificate.in_folder(tmp_path / "certificate")
    assert first.returncode == second.returncode == 0
    assert f"New certificate: {files.certificate}" in first.stdout
    assert "New" not in second.stdout
    for text in ("localhost", str(files.authority), "server.tls_certificate=local"):
        assert text in second.stdout
    (tmp_path / "file").write_text("")
    failed = run("certificate", env={"STATE_DIRECTORY": str(tmp_path / "file")})
    assert (failed.returncode, "server.tls_certificate" in failed.stderr) == (78, True)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Path]]:
    """A daemon on the network with a certificate of its own, and its state folder."""
    folder = tmp_path_factory.mktemp("guests")
    script = folder / "script.json"
    script.write_text(json.dumps({"words": [{"text": " Hello.", "start": 0.2, "end": 0.6}], "repeat_s": 2}))
    options = ("--host", "0.0.0.0", "--source", "ws", "--model", f"script:{script}")
    with Daemon(*options, "--set", "server.tls_certificate=local", env={"STATE_DIRECTORY": str(folder)}) as running:
        yield running, folder
        assert "Traceback" not in running.log


@pytest.fixture(scope="module")
def phone(daemon: tuple[Daemon, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A small browser that has been told to trust the daemon's authority, with a microphone."""
    home = tmp_path_factory.mktemp("home")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    authority = LocalCertificate.in_folder(daemon[1] / "certificate").authority
    database = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*database, "-N", "--empty-password"], check=True)
    subprocess.run([*database, "-A", "-t", "C,,", "-n", "streamstt", "-i", authority], check=True)
    wav = home / "microphone.wav"
    samples, rate = soundfile.read(DATA / "long_sentence.flac", dtype="int16")
    soundfile.write(wav, samples, rate, subtype="PCM_16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        microphone = f"--use-file-for-fake-audio-capture={wav}"
        with chromium(tmp_path_factory.mktemp("phone"), *FAKE_MICROPHONE, microphone) as browser:
            set_viewport(browser, 390, 780)
            yield browser


def test_by_qr_code(daemon: tuple[Daemon, Path], phone: webdriver.Chrome) -> None:
    """From the code on the operator's screen to captions of a phone's own microphone, over TLS without a warning."""
    running, folder = daemon
    token = tokens_in(folder)["viewer"]
    port = running.url.rpartition(":")[2]
    phone.get(f"https://localhost:{port}/share?token={tokens_in(folder)['all']}")
    until(phone, PHOTO, bool, "the code is shown")
    link = read_pixels(np.array(phone.execute_script(PHOTO), np.uint8).reshape(400, 400))
    assert link == f"{running.url}/?token={token}", "a guest's token, and the address that others use"
    assert by_id(phone, "address").text == link
    assert violations(phone) == []
    phone.delete_all_cookies()
    phone.get(link)
    until(phone, STATE, lambda text: "no microphone" in text or "listening" in text, "connected")
    assert phone.current_url == f"{running.url}/"
    by_id(phone, "microphone-open").click()
    by_id(phone, "microphone-name").send_keys("Ann")
    phone.execute_script("document.querySelector('#microphone-form').requestSubmit()")
    until_equal(phone, "return document.querySelector('#microphone-token-field').hidden", False)
    by_id(phone, "microphone-token").send_keys(tokens_in(folder)["speaker"])
    phone.execute_script("document.querySelector('#microphone-form').requestSubmit()")
    until(phone, FINALS, bool, "the phone's own words")
    assert console_messages(phone) == []
    phone.get("about:blank")


def test_without_a_token(daemon: tuple[Daemon, Path], phone: webdriver.Chrome) -> None:
    """A phone is asked for the token, is told that it is wrong, and then sees the page that it asked for."""
    running, folder = daemon
    forget_visits(phone)
    phone.get(f"{running.url}/overlay?lines=1")
    problem = "return document.querySelector('#problem')?.textContent ?? null"
    for token, expected in (("wrong", "This token is not known here; it may have been replaced."), ("viewer", None)):
        assert violations(phone) == []
        field = phone.find_element("name", "token")
        field.send_keys(tokens_in(folder).get(token, token))
        field.submit()
        until_equal(phone, problem, expected)
    until_equal(phone, "return location.href", f"{running.url}/overlay?lines=1")
    until_equal(phone, "return Boolean(document.querySelector('#lines'))", True)
    phone.get("about:blank")


def test_how_to_trust(daemon: tuple[Daemon, Path], phone: webdriver.Chrome) -> None:
    """The page about the certificate opens without a token, and its file is the authority that the daemon uses."""
    running, folder = daemon
    forget_visits(phone)
    phone.get(f"{running.url}/trust")
    assert violations(phone) == []
    fetch = "fetch('ca.crt').then(r => r.arrayBuffer()).then(b => arguments[0](Array.from(new Uint8Array(b))))"
    received = bytes(phone.execute_async_script(fetch))
    authority = (LocalCertificate.in_folder(folder / "certificate").authority).read_text()
    assert received == ssl.PEM_cert_to_DER_cert(authority)
    phone.get("about:blank")
