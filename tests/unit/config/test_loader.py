"""Settings: defaults, limits, layers, and all mistakes reported at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamstt.config import loader
from streamstt.config.loader import load, transcript_folder, user_file
from streamstt.config.rendering import default_file, effective_toml, toml_value
from streamstt.config.settings import SECTIONS, Settings, SourceSettings, TranscriptSettings
from streamstt.errors import ConfigError
from tests.support.paths import ROOT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without configuration files; those of the person who runs the tests are not read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(loader, "SYSTEM_FILE", tmp_path / "etc" / "streamstt.toml")
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def settings(text: str, folder: Path) -> Settings:
    return load(file=write(folder / "given.toml", text), environ={}).settings


def mistakes(text: str, folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Returns the lines of the error that loading this file raises, without the first one."""
    with pytest.raises(ConfigError) as caught:
        load(file=write(folder / "given.toml", text), environ=environ or {})
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("the configuration has ")
    assert str(len(lines)) in first or (len(lines) == 1 and "one mistake" in first)
    return [line.strip() for line in lines]


# ---- defaults


def test_defaults() -> None:
    """Without configuration there is one microphone, and captions are served to this machine only."""
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert (loaded.settings.server.host, loaded.settings.server.port) == ("127.0.0.1", 8765)
    assert [(s.input, s.name, s.title) for s in loaded.settings.source] == [("mic", "mic", "mic")]


def test_the_shipped_file() -> None:
    """config/streamstt.toml is up to date with the settings."""
    assert (ROOT / "config" / "streamstt.toml").read_text(encoding="utf-8") == default_file()


def test_the_default_file_changes_nothing(tmp_path: Path) -> None:
    """Loading the default file equals loading no file."""
    assert settings(default_file(), tmp_path) == Settings()


def test_the_default_file_is_annotated() -> None:
    """Each setting is preceded by its help and its limits."""
    lines = default_file().splitlines()
    for section, model in SECTIONS.items():
        at = lines.index(f"[{section}]")
        assert lines[at - 1].startswith("# ")
        for key, field in model.model_fields.items():
            line = next(i for i, text in enumerate(lines) if text.startswith(f"{key} = ") and i > at)
            assert lines[line - 1].startswith(f"# {field.description}")
    assert "0 to 65535." in lines[lines.index("port = 8765") - 1]


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.0, "1.0"), (0.6, "0.6"), (True, "true"), ("", '""'), ('a"ü\\', '"a\\"ü\\\\"')]
)
def test_toml_value(value: object, text: str) -> None:
    """Values are written as TOML reads them."""
    assert toml_value(value) == text


def test_settings_do_not_change() -> None:
    """Settings are fixed once they are read."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().server.port = 1


# ---- limits


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("server", "port", (0, 65535), (-1, 65536)),
        ("server", "history", (1, 100_000), (0, 100_001)),
        ("server", "client_queue", (8,), (7,)),
        ("speech", "vad_mode", (0, 3), (-1, 4)),
        ("speech", "max_utterance_s", (4, 28), (3.9, 28.1)),
        ("speech", "window_s", (4, 28), (3.9, 28.1)),
        ("speech", "buffer_s", (30, 3600), (29, 3601)),
        ("speech", "no_speech", (0, 1), (-0.1, 1.1)),
        ("engine", "threads", (0, 256), (-1, 257)),
    ],
)
def test_limits(section: str, key: str, good: tuple[float, ...], bad: tuple[float, ...], tmp_path: Path) -> None:
    """A number at its limit is accepted; one beyond is rejected, naming setting and value."""
    for value in good:
        assert getattr(getattr(settings(f"[{section}]\n{key} = {value}", tmp_path), section), key) == value
    for value in bad:
        (line,) = mistakes(f"[{section}]\n{key} = {value}", tmp_path)
        assert line.startswith(f"{section}.{key} = {value} (")


def test_an_utterance_fits_a_decode_and_the_buffer() -> None:
    """No setting allows utterances longer than a decode window or than the buffer."""
    speech = SECTIONS["speech"].model_fields
    longest = next(m.le for m in speech["max_utterance_s"].metadata if hasattr(m, "le"))
    least = next(m.ge for m in speech["buffer_s"].metadata if hasattr(m, "ge"))
    assert longest <= 28
    assert longest < least


@pytest.mark.parametrize("value", ["en", "yue", "auto"])
def test_languages(value: str, tmp_path: Path) -> None:
    """A language is a code, or auto."""
    assert settings(f'[engine]\nlanguage = "{value}"', tmp_path).engine.language == value


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("value", ["auto", "float32", "bfloat16", "float16", "int8"])
def test_number_formats(part: str, value: str, tmp_path: Path) -> None:
    """Encoder and decoder each have their own number format."""
    engine = settings(f'[engine]\n{part} = "{value}"', tmp_path).engine
    assert (engine.encoder, engine.decoder) == ((value, "auto") if part == "encoder" else ("auto", value))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("engine", "language", "English"),
        ("engine", "device", "gpu"),
        ("engine", "encoder", "int3"),
        ("engine", "decoder", "int3"),
        ("engine", "kind", "magic"),
        ("engine", "task", "sing"),
        ("log", "level", "loud"),
        ("server", "host", ""),
    ],
)
def test_choices_are_checked(section: str, key: str, value: str, tmp_path: Path) -> None:
    """A value that is not one of the choices is rejected, naming setting and value."""
    (line,) = mistakes(f'[{section}]\n{key} = "{value}"', tmp_path)
    assert line.startswith(f"{section}.{key} = {value!r} (")


# ---- sources


@pytest.mark.parametrize(
    ("given", "name", "kind", "argument"),
    [
        ("mic", "mic", "mic", ""),
        ("mic:3", "mic-3", "mic", "3"),
        ("mic:USB Audio (hw:1,0)", "mic-USB-Audio-hw-1-0", "mic", "USB Audio (hw:1,0)"),
        ("file:/a/b/my talk.flac", "file-my-talk.flac", "file", "/a/b/my talk.flac"),
        ("stdin", "stdin", "stdin", ""),
        ("ws", "ws", "ws", ""),
        ("mic:Ü", "mic", "mic", "Ü"),
        ("file:" + "x" * 99, "file-" + "x" * 59, "file", "x" * 99),
    ],
)
def test_source_names(given: str, name: str, kind: str, argument: str) -> None:
    """A source without a name is named after its input."""
    source = SourceSettings(input=given)
    assert (source.name, source.kind, source.argument, source.title) == (name, kind, argument, name)


def test_source_given_names() -> None:
    """A given name is kept; viewers see the label, or else the name."""
    assert SourceSettings(input="mic", name="stage").title == "stage"
    assert SourceSettings(input="mic", name="stage", label="On stage").title == "On stage"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("microphone", "the choices are mic, "),
        ("", "the choices are mic, "),
        ("loudspeaker", "the choices are mic, "),
        ("file", "file:talk.flac"),
        ("file:", "file:talk.flac"),
        ("stdin:x", "stdin takes no argument"),
        ("ws:8080", "ws takes no argument"),
    ],
)
def test_bad_sources(given: str, hint: str, tmp_path: Path) -> None:
    """An invalid source is rejected with an example or the choices."""
    (line,) = mistakes(f'[[source]]\ninput = "{given}"', tmp_path)
    assert line.startswith(f"source.0.input = {given!r} (")
    assert hint in line


def test_bad_source_name(tmp_path: Path) -> None:
    """A name with characters that an id cannot contain is reported once, naming the setting."""
    (line,) = mistakes('[[source]]\nname = "the stage"', tmp_path)
    assert line.startswith("source.0.name = 'the stage' (")


def test_names_are_unique(tmp_path: Path) -> None:
    """Two sources cannot have the same name, given or derived."""
    sources = '[[source]]\ninput = "file:a/talk.flac"\n[[source]]\ninput = "file:b/talk.flac"'
    (line,) = mistakes(sources, tmp_path)
    assert "file-talk.flac" in line
    named = '[[source]]\ninput = "file:a/talk.flac"\nname = "a"\n[[source]]\ninput = "file:b/talk.flac"'
    assert [s.name for s in settings(named, tmp_path).source] == ["a", "file-talk.flac"]


def test_one_standard_input(tmp_path: Path) -> None:
    """Only one source can read standard input."""
    (line,) = mistakes('[[source]]\ninput="stdin"\n[[source]]\ninput="stdin"\nname="b"', tmp_path)
    assert "only one source can read standard input" in line


# ---- mistakes


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """One error reports all mistakes of all layers, each with its value and origin."""
    text = "nonsense = 1\nserver = 5\n"
    text += '[speech]\nvad_mode = 7\nend_silence = 5\n[log]\nlevel = "loud"\n[[source]]\ninput = "x"'
    lines = mistakes(text, tmp_path, {"STREAMSTT_ENGINE__THREADS": "many", "STREAMSTT_NOTHING__HERE": "1"})
    starts = (
        "server = 5 (",
        "nonsense (",
        "nothing.here (STREAMSTT_NOTHING__HERE)",
        "speech.vad_mode = 7 (",
        "speech.end_silence = 5 (",
        "engine.threads = 'many' (STREAMSTT_ENGINE__THREADS)",
        "log.level = 'loud' (",
        "source.0.input = 'x' (",
    )
    for start in starts:
        assert [line for line in lines if line.startswith(start)], start
    assert len(lines) == len(starts)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[server]\nprot = 1", "server.port"),
        ("[speech]\nend_silence = 1", "speech.end_silence_ms"),
        ("[engine]\nport = 1", "server.port"),
        ("[server]\nvad_mode = 1", "speech.vad_mode"),
        ("[sever]\nport = 1", "server"),
        ("[[sources]]\ninput = 'mic'", "source"),
        ("[[source]]\ninptu = 'mic'", "source.input"),
    ],
)
def test_did_you_mean(text: str, meant: str, tmp_path: Path) -> None:
    """For an unknown setting, the one that was probably meant is suggested."""
    (line,) = mistakes(text, tmp_path)
    assert line.endswith(f"unknown setting; did you mean {meant}?")


def test_choices(tmp_path: Path) -> None:
    """If no setting has a similar name, the choices of the section are listed."""
    (line,) = mistakes("[log]\nxyzzy = 1", tmp_path)
    assert line.endswith("the choices are log.level, log.format, log.text")
    (line,) = mistakes("xyzzy = 1", tmp_path)
    assert line.endswith("the choices are " + ", ".join(Settings.model_fields))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("engine.language", "English", 'invalid; expected: Language code such as "en", or "auto".'),
        ("engine.threads", "many", "must be a whole number"),
        ("engine.threads", 1.5, "must be a whole number"),
        ("speech.window_s", "long", "must be a number"),
        ("log.text", "perhaps", "must be true or false"),
        ("speech.vad_mode", 9, "must be less than or equal to 3"),
        ("log.level", "loud", "must be 'debug', 'info', 'warning' or 'error'"),
        ("server.host", "", "must have at least 1 character"),
        ("engine.vocabulary", 5, "must be a list"),
    ],
)
def test_plain_messages(key: str, value: object, message: str) -> None:
    """A message says what the value must be, in plain English."""
    with pytest.raises(ConfigError) as caught:
        load([("--set", key, value)], environ={})
    assert str(caught.value).endswith(f"\n  {key} = {value!r} (--set): {message}")


@pytest.mark.parametrize(("option", "key"), [("--set source.rate", "source.rate"), ("--set server", "server")])
def test_no_suggestion_of_the_same_name(option: str, key: str) -> None:
    """The name that the user wrote is never suggested."""
    with pytest.raises(ConfigError) as caught:
        load([(option, key, "8000")], environ={})
    assert f"did you mean {key}?" not in str(caught.value)


def test_invalid_toml(tmp_path: Path) -> None:
    """Invalid TOML is an error that names the file and the line."""
    with pytest.raises(ConfigError, match=r"given\.toml is not valid TOML.*line 1"):
        settings("port = = 1", tmp_path)


def test_no_file(tmp_path: Path) -> None:
    """A file that is named must exist and be text."""
    with pytest.raises(ConfigError, match=r"configuration file .*gone\.toml not found; streamstt config default"):
        load(file=tmp_path / "gone.toml", environ={})
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read configuration file"):
        load(file=tmp_path / "bytes.toml", environ={})


# ---- layers


def test_layers(home: Path) -> None:
    """Precedence: command line, environment, the user's file, the machine's file."""
    system = write(loader.SYSTEM_FILE, "[server]\nport = 1\nhistory = 11\nhello_history = 12\nclient_queue = 13")
    assert load(environ={}).settings.server.port == 1
    user = write(user_file(), "[server]\nport = 2\nhistory = 21\nhello_history = 22")
    assert load(environ={}).settings.server.port == 2
    environ = {"STREAMSTT_SERVER__PORT": "3", "STREAMSTT_SERVER__HISTORY": "31"}
    assert load(environ=environ).settings.server.port == 3
    loaded = load([("--port", "server.port", 4)], environ=environ)
    server = loaded.settings.server
    assert (server.port, server.history, server.hello_history, server.client_queue) == (4, 31, 22, 13)
    assert loaded.origins == {
        "server.port": "--port",
        "server.history": "STREAMSTT_SERVER__HISTORY",
        "server.hello_history": str(user),
        "server.client_queue": str(system),
    }


def test_the_users_file_is_in_the_users_folder(home: Path) -> None:
    """The user's file is in the folder that XDG specifies."""
    assert user_file() == home / "home" / "streamstt" / "streamstt.toml"


def test_one_file_only(home: Path) -> None:
    """A file that is named replaces the usual ones."""
    write(loader.SYSTEM_FILE, "[server]\nhistory = 5")
    write(user_file(), "[server]\nport = 2")
    assert settings("[log]\nlevel = 'debug'", home).server == Settings().server


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the environment of the process is read."""
    monkeypatch.setenv("STREAMSTT_SPEECH__VAD_MODE", "2")
    assert load().settings.speech.vad_mode == 2


@pytest.mark.parametrize(
    ("variable", "value", "section", "key", "expected"),
    [
        ("STREAMSTT_SERVER__PORT", "9", "server", "port", 9),
        ("STREAMSTT_SPEECH__MAX_CAPTION_S", "3.5", "speech", "max_caption_s", 3.5),
        ("STREAMSTT_SPEECH__BUFFER_S", "60", "speech", "buffer_s", 60.0),
        ("STREAMSTT_ENGINE__MODEL", "tiny.en", "engine", "model", "tiny.en"),
        ("STREAMSTT_TRANSCRIPT__FOLDER", "", "transcript", "folder", ""),
    ],
)
def test_environment(variable: str, value: str, section: str, key: str, expected: object) -> None:
    """Numbers are parsed from the text of a variable."""
    loaded = load(environ={variable: value, "UNRELATED": "1"})
    assert getattr(getattr(loaded.settings, section), key) == expected
    assert loaded.origins == {f"{section}.{key}": variable}


def test_sources_from_the_environment() -> None:
    """One variable names all sources, separated by spaces."""
    loaded = load(environ={"STREAMSTT_SOURCE": "mic:1  file:talk.flac"})
    assert [s.input for s in loaded.settings.source] == ["mic:1", "file:talk.flac"]
    assert loaded.origins == {"source": "STREAMSTT_SOURCE"}


def test_options_from_the_command_line() -> None:
    """Options are text or values; options of a source are read as well."""
    options = [
        ("--set speech.vad_mode", "speech.vad_mode", "3"),
        ("--source", "source", [{"input": "stdin", "rate": 8000}]),
    ]
    loaded = load(options, environ={})
    assert loaded.settings.speech.vad_mode == 3
    assert (loaded.settings.source[0].kind, loaded.settings.source[0].rate) == ("stdin", 8000)
    assert loaded.origins["source"] == "--source"


def test_a_list_of_terms() -> None:
    """A vocabulary is a list, or one comma-separated string, as in the environment and on the command line."""
    for value in ("Velmora, Nguyen,,", ["Velmora", "Nguyen"]):
        loaded = load([("--set engine.vocabulary", "engine.vocabulary", value)], environ={})
        assert loaded.settings.engine.vocabulary == ("Velmora", "Nguyen")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("no", False)])
def test_switches(text: str, value: bool) -> None:
    """A boolean may be text, as people write it."""
    loaded = load([("--source", "source", [{"input": "file:a", "loop": text}])], environ={})
    assert loaded.settings.source[0].loop is value


def test_sources_of_a_file_replace_the_default(tmp_path: Path) -> None:
    """Given sources replace the default one."""
    given = settings('[[source]]\ninput = "mic:1"\n[[source]]\ninput = "ws"\nlabel = "Door"', tmp_path)
    assert [(s.name, s.title) for s in given.source] == [("mic-1", "mic-1"), ("ws", "Door")]


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("allowed_hosts", ["captions.example", "10.0.0.5", "fe80::1", "[fe80::1]"], ["a:80", "10.0.0.5:80", "", "a/b"]),
        ("allowed_origins", ["https://a.example", "http://a:81", "file"], ["a.example", "https://a/b", "*", "null"]),
    ],
)
def test_hosts_and_origins(key: str, good: list[str], bad: list[str]) -> None:
    """Hosts have no port; origins have a scheme and no path. What could never match is a mistake."""
    loaded = load([(key, f"server.{key}", ", ".join(good))], environ={})
    assert getattr(loaded.settings.server, key) == tuple(good)
    for value in bad:
        with pytest.raises(ConfigError, match="expected for example"):
            load([(key, f"server.{key}", [value])], environ={})


def test_a_key_without_a_certificate() -> None:
    """A key without a certificate is a mistake."""
    with pytest.raises(ConfigError, match="needs a tls_certificate"):
        load([("--set", "server.tls_key", "key.pem")], environ={})


def test_the_token_of_listen_is_no_setting() -> None:
    """A token for listen in the environment does not prevent a daemon from starting."""
    load(environ={"STREAMSTT_TOKEN": "x"})


# ---- secrets


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither the settings in force nor an error shows a secret, not even one under a misspelled name."""
    text = (
        '[obs]\nurl = "ws://a"\npassword = "hunter2"\n[zoom]\nurl = "https://a/?hunter2"\n[webhook]\nsecret = "hunter2"'
    )
    shown = "\n".join(effective_toml(load(file=write(tmp_path / "given.toml", text), environ={})))
    assert "hunter2" not in shown
    assert shown.count('"(hidden)"') == 3
    for wrong in (
        '[zoom]\nurl = "ftp://hunter2"',
        '[zoom]\nurl = 0\nurll = "hunter2"',
        '[obs]\npasword = "hunter2"',
        'webhook = "https://hunter2"',
    ):
        assert "hunter2" not in "".join(mistakes(wrong, tmp_path))
    assert "= 'http://a'" in "".join(mistakes('[obs]\nurl = "http://a"', tmp_path))  # not a secret: shown


def test_folder_of_transcripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transcripts lie in the folder that is set, or beside what else must last."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/streamstt")
    assert transcript_folder(TranscriptSettings(folder="~/talks")) == Path("/home/me/talks")
    assert transcript_folder(TranscriptSettings()) == Path("/var/lib/streamstt/transcripts")
