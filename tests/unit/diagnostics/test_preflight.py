"""What is wrong is said before the slow part: no model is fetched or loaded for a daemon that could not start."""

import json
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from typer.testing import CliRunner

from streamstt.cli.app import app
from streamstt.config.loader import settings_from_mapping
from streamstt.config.settings import EngineSettings
from streamstt.diagnostics.preflight import require_no_mistakes, require_startable
from streamstt.errors import ConfigError, StreamsttError
from streamstt.whisper.loader import load_engine
from tests.support.certificates import issue_certificate
from tests.support.paths import DATA

WORDS = {"words": [{"text": " Hello", "start": 0.5, "end": 0.9}]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with files to name; the user's folders are in it, and no model is."""
    monkeypatch.chdir(tmp_path)
    for variable in ("HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PULSE_SERVER", "")
    issue_certificate(trustme.CA(), tmp_path)
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "short").write_text("viewer abc\n")
    (tmp_path / "nothing").write_text("")
    (tmp_path / "folder").mkdir()
    german = tmp_path / "german"
    german.mkdir()
    for name in ("model.safetensors", "preprocessor_config.json", "tokenizer.json"):
        (german / name).write_text("{}")
    (german / "config.json").write_text('{"model_type": "whisper"}')
    (german / "generation_config.json").write_text('{"lang_to_id": {"<|de|>": 1}}')
    shutil.copy(DATA / "short.flac", tmp_path / "short.flac")
    return tmp_path


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that another program listens on, which does not answer."""
    monkeypatch.setattr("streamstt.diagnostics.probes.PROBE_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


BEFORE_THE_MODEL: list[tuple[Mapping[str, Any], int, str]] = [
    ({"engine.model": "bace"}, 4, "did you mean 'base'"),
    ({"engine.model": "./nowhere"}, 4, "no folder nowhere"),
    ({"engine.model": "./folder"}, 4, "config.json"),
    ({"engine.model": "script:nope.json"}, 4, "nope.json"),
    ({"engine.model": "script:bad.json"}, 4, "bad.json"),
    ({"engine.model": "base.en", "engine.language": "de"}, 78, "'de'"),
    ({"engine.model": "openai/whisper-tiny.en", "engine.language": "fr"}, 78, "'fr'"),
    ({"engine.model": "small", "engine.language": "xx"}, 78, "'xx'"),
    ({"engine.model": "./german", "engine.language": "en"}, 78, "knows de"),
    ({"source": [{"input": "ws", "language": "de"}]}, 78, "'de'"),
    ({"server.port": "TAKEN"}, 5, "TAKEN"),
    ({"server.port": "TAKEN", "server.host": "::"}, 5, "TAKEN"),
    ({"compat.wyoming": "127.0.0.1:TAKEN"}, 5, "compat.wyoming"),
    ({"server.host": "192.0.2.1", "server.token_file": ""}, 5, "192.0.2.1"),
    ({"server.host": "no-such-host.invalid"}, 5, "no-such-host.invalid"),
    ({"server.require_token": True, "server.token_file": "nope"}, 78, "server.token_file"),
    ({"server.require_token": True, "server.token_file": "short"}, 78, "16 to 256"),
    ({"server.require_token": True, "server.token_file": "nothing"}, 78, "no token"),
    ({"server.tls_certificate": "nope.pem"}, 78, "nope.pem"),
    ({"server.tls_certificate": "chain.pem", "server.tls_key": "short"}, 78, "PEM"),
    ({"redis.url": "redis://broker", "redis.password_file": "nope"}, 78, "redis.password_file"),
    ({"output.pipe": "nothing"}, 6, "not a pipe"),
    ({"output.pipe": "no/folder/pipe"}, 6, "no/folder/pipe"),
    ({"mqtt.url": "mqtt://broker", "mqtt.password_file": "nothing"}, 78, "mqtt.password_file"),
]
BEFORE_IN_THE_DAEMON: list[tuple[Mapping[str, Any], int, str]] = [
    ({"source": [{"input": "file:nope.wav"}]}, 3, "nope.wav"),
    ({"source": [{"input": "file:words.json"}]}, 3, "words.json"),
    ({"source": [{"input": "mic:NoSuchDevice"}]}, 3, "no microphone"),
    ({"transcript.folder": "/proc/x"}, 6, "/proc/x"),
]
"""The daemon opens its sources and its transcripts before it loads its model."""


def fill(value: Any, port: int) -> Any:
    return value.replace("TAKEN", str(port)) if isinstance(value, str) else value


@pytest.mark.parametrize(("values", "code", "text"), BEFORE_THE_MODEL)
def test_before_the_model(values: Mapping[str, Any], code: int, text: str, here: Path, taken: int) -> None:
    """Each mistake is an error with its exit code, before the daemon begins to start; ``config check`` finds it too."""
    values = {"engine.model": "script:words.json", "server.port": 0, "source": [{"input": "ws"}], **values}
    settings = settings_from_mapping({key: fill(value, taken) for key, value in values.items()})
    for check in (require_startable, require_no_mistakes):
        with pytest.raises(StreamsttError) as raised:
            check(settings)
        assert raised.value.exit_code == code
        assert fill(text, taken) in str(raised.value)
    assert not (here / "XDG_STATE_HOME").exists()


@pytest.mark.parametrize(("values", "code", "text"), BEFORE_IN_THE_DAEMON)
def test_what_the_daemon_opens_first(values: Mapping[str, Any], code: int, text: str, here: Path) -> None:
    """``config check`` also finds the mistakes that the daemon reports while it opens its sources and transcripts."""
    with pytest.raises(StreamsttError) as raised:
        require_no_mistakes(settings_from_mapping({"engine.model": "script:words.json", "server.port": 0, **values}))
    assert raised.value.exit_code == code
    assert text in str(raised.value)


@pytest.mark.parametrize(
    "values",
    [
        {"engine.model": "base.en", "engine.language": "en"},
        {"engine.model": "owner/unknown", "engine.language": "de"},
        {"engine.model": "./german", "engine.language": "de"},
        {"engine.model": "large-v3", "engine.language": "yue"},
        {"server.host": "0.0.0.0"},
        {"server.tls_certificate": "chain.pem", "server.tls_key": "key.pem"},
        {"server.tls_certificate": "local"},
        {"source": [{"input": "file:short.flac"}]},
        {"source": [{"input": "mic"}]},
        {"source": [{"input": "mic:Later", "wait": "yes"}]},
        {"source": [{"input": "ws"}], "transcript.folder": "new/transcripts"},
    ],
)
def test_no_mistake(values: Mapping[str, Any], here: Path) -> None:
    """What may well work is no mistake, and nothing is created."""
    before = sorted(here.rglob("*"))
    require_no_mistakes(settings_from_mapping({"engine.model": "script:words.json", "server.port": 0, **values}))
    assert sorted(here.rglob("*")) == before


def test_all_mistakes_at_once(here: Path, taken: int) -> None:
    """One error has all mistakes; a wrong setting decides its exit code."""
    values = {"engine.model": "bace", "server.port": taken, "server.tls_certificate": "nope.pem"}
    with pytest.raises(StreamsttError, match="3 mistakes") as raised:
        require_startable(settings_from_mapping(values))
    assert raised.value.exit_code == 78
    assert all(text in str(raised.value) for text in ("'bace'", str(taken), "nope.pem"))


def test_language_before_torch(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that loads a model finds an unknown language in the model's files, before it imports torch."""
    monkeypatch.setitem(sys.modules, "torch", None)  # an import would fail
    with pytest.raises(ConfigError, match="does not know the language 'en'; it knows de"):
        load_engine(EngineSettings(model="./german", language="en"))


def test_run_checks_first(here: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """``run`` does not begin to start the daemon, which would load a model, if something is wrong."""
    monkeypatch.setattr("streamstt.logs.configure", lambda _: None)
    monkeypatch.setattr("streamstt.daemon.app.run", lambda *_: pytest.fail("the daemon was started"))
    options = ["--source", "ws", "--set", "engine.model=script:words.json"]
    for mistake in (["--port", str(taken)], ["--set", "server.tls_certificate=no.pem"], ["--language", "de"]):
        result = CliRunner().invoke(app, ["run", *options, *mistake])
        assert isinstance(result.exception, StreamsttError)


def test_config_check(here: Path) -> None:
    """``config check`` checks a file, or without one the settings in force."""
    (here / "good.toml").write_text('[engine]\nmodel = "script:words.json"\n[server]\nport = 0\n')
    (here / "wrong.toml").write_text('[engine]\nmodel = "bace"\n')
    runner = CliRunner()
    result = runner.invoke(app, ["config", "check", "good.toml"])
    assert (result.exit_code, result.output) == (0, "No mistakes found in good.toml.\n")
    assert "'bace'" in str(runner.invoke(app, ["config", "check", "wrong.toml"]).exception)
    result = runner.invoke(app, ["config", "check"], env={"STREAMSTT_ENGINE__MODEL": "bace"})
    assert "'bace'" in str(result.exception)
