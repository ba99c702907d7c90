"""The real daemon under a service manager: what it reports, when it counts as stuck, what SIGHUP does."""

import asyncio
import json
import os
import pty
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import trustme

from streamstt.daemon.systemd import SystemdNotifier
from tests.support.daemon import DATA, STOP_S, WITHIN_S, captions, command, environment, receive
from tests.support.forked import Daemon, run
from tests.support.notify_socket import NotifySocket

LOOP = ["--source", f"file:{DATA / 'long_sentence.flac'}", "--loop"]
NO_SOUND = {"XDG_RUNTIME_DIR": "/nonexistent", "PULSE_SERVER": "unix:/nonexistent"}


@pytest.fixture
def notify(tmp_path: Path) -> NotifySocket:
    """The socket of a service manager."""
    return NotifySocket(str(tmp_path / "notify"))


def get(daemon: Daemon, path: str) -> tuple[int, str]:
    """Returns the status and the body of a page."""
    try:
        with urllib.request.urlopen(daemon.url + path, timeout=WITHIN_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_fetching_takes_longer(tmp_path: Path, abstract: bool) -> None:
    """During a model download the manager gets the progress and is asked for more time, not at each block."""
    with NotifySocket(f"@streamstt-{os.getpid()}" if abstract else str(tmp_path / "notify")) as socket:
        reported: list[int] = []
        report = SystemdNotifier.from_environment(socket.env()).wrap_progress(
            lambda _what, done, _total: reported.append(done)
        )
        for done in range(100):
            report("base", done, 100)
        assert reported == list(range(100))
        assert socket.waiting() == ["STATUS=Downloading base: 0%", "EXTEND_TIMEOUT_USEC=120000000"]
        manager = SystemdNotifier.from_environment(socket.env())
        for text in ("one", "one", "two\nlines", "one"):
            manager.status(text)
        assert socket.waiting() == ["STATUS=one", "STATUS=two lines", "STATUS=one"], "sent when it changes"


def test_watchdog_of_another_process(tmp_path: Path) -> None:
    """Only the process that a watchdog is for sends signs of life; without a manager nothing is sent or fails."""
    with NotifySocket(str(tmp_path / "notify")) as socket:
        other = SystemdNotifier.from_environment({**socket.env(30), "WATCHDOG_PID": "1"}, pid=2)
        assert other.watchdog_s == 0
        other.ping()
        mine = SystemdNotifier.from_environment({**socket.env(30), "WATCHDOG_PID": "2"}, pid=2)
        assert mine.watchdog_s == 30
        mine.ping()
        assert socket.waiting() == ["WATCHDOG=1"]
    mine.ready()  # the manager is gone
    SystemdNotifier.from_environment({}).ready()


async def test_a_whole_life(notify: NotifySocket, script: list[str]) -> None:
    """READY when captions are served; a status for people; signs of life; STOPPING when it is asked to stop."""
    with notify, Daemon(*script, *LOOP, env=notify.env(watchdog_s=1.5)) as daemon:
        assert "READY=1" not in notify.messages
        await asyncio.to_thread(notify.receive_until, "READY=1")
        assert (await asyncio.to_thread(get, daemon, "/healthz"))[0] == 200
        assert not any(message.startswith("WATCHDOG") for message in notify.messages)
        status = await asyncio.to_thread(notify.receive_until, "STATUS=")
        assert status.startswith(f"STATUS=Listening on {daemon.url}/; 0 viewers")
        async with captions(daemon) as viewer:
            await receive(viewer)
            status = await asyncio.to_thread(notify.receive_until, "STATUS=")
            while "1 viewer; file-long_sentence.flac: speech" not in status:
                status = await asyncio.to_thread(notify.receive_until, "STATUS=")
        notify.waiting()
        started = time.monotonic()
        for _ in range(4):
            await asyncio.to_thread(notify.receive_until, "WATCHDOG=1")
        assert time.monotonic() - started > 3 * 0.45, "three per watchdog interval, and no more"
        assert daemon.stop() == 0
        assert (await asyncio.to_thread(notify.receive_until, "STOPPING=1")) == "STOPPING=1"


# A decode may take ten seconds, which is long for a test.
IMPATIENT = (
    "from streamstt.daemon import watchdog; watchdog.MAX_DECODE_S = 3; from streamstt.cli.app import main; main()"
)


def test_a_stuck_engine(notify: NotifySocket, script: list[str], tmp_path: Path) -> None:
    """A decode that never ends: signs of life end, health fails and says why, and so does the log."""
    file = tmp_path / "script.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"hang_s": 1.5}))
    program = [sys.executable, "-c", IMPATIENT]
    with notify, Daemon(*script, *LOOP, env=notify.env(watchdog_s=2), program=program) as daemon:
        notify.receive_until("WATCHDOG=1")
        daemon.wait_for_log("The speech engine has not answered")
        status, body = get(daemon, "/healthz?plain")
        assert status == 503
        assert body.startswith("degraded: The speech engine has not answered for 10 s.")
        notify.waiting()
        assert "WATCHDOG=1" not in notify.drain(3), "a manager would have killed it by now"
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for_log("send it again to exit at once")
        daemon.process.send_signal(signal.SIGABRT)
        assert daemon.process.wait(STOP_S) == -signal.SIGABRT
        daemon.wait_for_log("scripted.py")  # a frame of the engine's thread


def test_a_missing_device(notify: NotifySocket, script: list[str]) -> None:
    """At boot the sound server may start later: the service is ready and waits; health and metrics report it."""
    with notify, Daemon(*script, "--source", "mic", env=notify.env(watchdog_s=2) | NO_SOUND) as daemon:
        notify.receive_until("READY=1")
        assert "mic: waiting" in notify.receive_until("mic: ")
        notify.receive_until("WATCHDOG=1")
        status, body = get(daemon, "/healthz")
        assert status == 503
        assert json.loads(body)["why"][0].startswith("mic is not there: ")
        assert 'streamstt_source_missing{source="mic"} 1.0' in get(daemon, "/metrics")[1]
        assert daemon.stop() == 0


async def test_reload(notify: NotifySocket, script: list[str], tmp_path: Path) -> None:
    """SIGHUP: what can change does, the command line takes precedence, the rest is named, and the manager informed."""
    config = tmp_path / "settings.toml"
    config.write_text('[server]\nhello_history = 1\nhistory = 1000\n[engine]\nlanguage = "auto"\n')
    arguments = ["--config", str(config), *script, *LOOP, "--set", "server.history=3"]
    with notify, Daemon(*arguments, env=notify.env()) as daemon:
        notify.receive_until("READY=1")
        config.write_text('[server]\nhello_history = 0\nport = 1\nhistory = 2\n[engine]\nlanguage = "en"\n')
        daemon.process.send_signal(signal.SIGHUP)
        message = notify.receive_until("RELOADING=1")
        assert int(message.partition("MONOTONIC_USEC=")[2]) > 0
        assert notify.receive_until("READY=1")
        daemon.wait_for_log("changed: server.hello_history, engine.language")
        assert "need a restart" not in daemon.log, "--port on the command line has precedence"
        async with captions(daemon) as viewer:
            hello = await receive(viewer)
        assert hello["language"] == "en"
        assert hello["history"] == []
        assert daemon.stop() == 0


def test_reload_names_what_needs_a_restart(script: list[str], tmp_path: Path) -> None:
    """Settings that cannot change at run time are named at each reload until a restart."""
    config = tmp_path / "settings.toml"
    config.write_text("")
    with Daemon("--config", str(config), *script, *LOOP) as daemon:
        config.write_text('[engine]\nthreads = 2\n[log]\nlevel = "debug"\n')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("need a restart: engine.threads")
        daemon.wait_for_log("DEBUG ")
        assert daemon.stop() == 0


async def test_reload_of_a_certificate(script: list[str], tmp_path: Path) -> None:
    """A renewed certificate is used after SIGHUP, without a restart."""
    options = ["--set", f"server.tls_certificate={tmp_path / 'chain.pem'}"]
    old, new = trustme.CA(), trustme.CA()
    old.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "chain.pem"))
    trust = ssl.create_default_context()
    new.configure_trust(trust)
    with Daemon(*script, *LOOP, *options) as daemon:
        with pytest.raises(ssl.SSLCertVerificationError):
            await captions(daemon, ssl=trust)
        new.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "chain.pem"))
        daemon.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(daemon.wait_for_log, "settings reloaded")
        async with captions(daemon, ssl=trust) as viewer:
            assert (await receive(viewer))["type"] == "hello"


async def test_reload_of_what_the_model_cannot_do(script: list[str], tmp_path: Path) -> None:
    """An error that only the running model can find changes none of the settings in the file, either."""
    config = tmp_path / "settings.toml"
    config.write_text("")
    with Daemon("--config", str(config), *script, *LOOP) as daemon:
        config.write_text('[engine]\nlanguage = "de"\n[server]\nhello_history = 0\n[log]\nlevel = "error"\n')
        daemon.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(daemon.wait_for_log, "does not know the language 'de'")
        async with captions(daemon) as viewer:
            assert (await receive(viewer))["language"] == "auto"
            while (await receive(viewer))["type"] != "final":
                pass
        async with captions(daemon) as viewer:
            assert (await receive(viewer))["history"] != []
        assert daemon.stop() == 0
        assert "SIGTERM: finishing" in daemon.log, "the log level has not changed"


def test_reload_of_a_broken_file(script: list[str], tmp_path: Path) -> None:
    """A broken file changes nothing; all its errors are in the log, and health says so until it is fixed."""
    config = tmp_path / "settings.toml"
    config.write_text("")
    with Daemon("--config", str(config), *script, *LOOP) as daemon:
        config.write_text('[log]\nlevel = "loud"\n[server]\nhello_history = 0\nprot = 1\n')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("the settings stay as they were: the configuration has 2 mistakes")
        daemon.wait_for_log("did you mean server.port")
        daemon.wait_for_log("log.level = 'loud'")
        assert get(daemon, "/healthz?plain")[0] == 503
        config.write_text("")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_log("settings reloaded; changed: none")
        assert get(daemon, "/healthz?plain") == (200, "ready\n")
        assert daemon.stop() == 0


def test_a_terminal_that_is_closed(script: list[str]) -> None:
    """Started from a terminal it exits with it, so that no microphone stays open behind a closed window."""
    ours, theirs = pty.openpty()
    try:
        with Daemon(*script, *LOOP, stdin=theirs) as daemon:
            daemon.process.send_signal(signal.SIGHUP)
            assert daemon.process.wait(STOP_S) == 0
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("form", ["human", "json"])
def test_the_log_has_no_captions(form: str, script: list[str]) -> None:
    """The log has no captions, even at level debug; in JSON format each line is an object."""
    source = ["--source", f"file:{DATA / 'long_sentence.flac'}", "--fast"]
    settings = ["--set", "log.level=debug", "--set", f"log.format={form}"]
    with Daemon(*script, *source, *settings) as daemon:
        assert daemon.process.wait(2 * STOP_S) == 0
    assert "final" in daemon.log, "decodes are logged"
    for word in ("written", "again and again", "Every word"):
        assert word not in daemon.log
    if form == "json":
        records = [json.loads(line) for line in daemon.log.splitlines()]
        assert {"time", "level", "logger", "message"} <= set(records[0])


def test_the_log_has_finals_if_enabled(brisk: list[str]) -> None:
    """With ``log.text`` finals are logged at any level."""
    with Daemon(*brisk, *LOOP, "--set", "log.text=true", "--set", "log.level=error") as daemon:
        daemon.wait_for_log("file-long_sentence.flac: Every word of this has been written down before.")
        assert daemon.stop() == 0


def test_under_journald(script: list[str]) -> None:
    """If standard error is the journal, each line begins with its level."""
    ours, theirs = os.pipe()
    where = os.fstat(theirs)
    env = {"JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"}
    with os.fdopen(ours) as log:
        with Daemon(*script, *LOOP, env=env, stderr=theirs) as daemon:
            os.close(theirs)
            assert daemon.stop() == 0
        lines = log.read().splitlines()
    assert any(line.startswith("<6>model script") for line in lines)
    assert all(line.startswith("<6>") for line in lines)


def test_the_last_error_is_a_record(tmp_path: Path) -> None:
    """A fatal error is logged in the configured format: as JSON, or in the journal even with invalid settings."""
    done = run("run", "--port", "0", "--source", "file:/no/such", "--set", "log.format=json")
    assert done.returncode == 3
    assert json.loads(done.stderr)["level"] == "critical"
    log = tmp_path / "log"
    with log.open("w") as file:
        where = os.fstat(file.fileno())
        env = environment({"JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"})
        wrong = subprocess.run(command("run", "--set", "server.prot=1"), stderr=file, env=env, check=False)
    assert wrong.returncode == 78
    assert log.read_text().startswith("<2>the configuration has one mistake:\n<2>")
