"""The reader of model.bin, against files written here byte by byte."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.ctranslate2 import WeightFile, read_weight_file
from streamstt.whisper.checkpoints.tokenizer_files import complete

FLOAT32, INT8, INT16, INT32, FLOAT16, BFLOAT16 = range(6)


def string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def tensor(name: str, shape: tuple[int, ...], kind: int, data: bytes, size: int | None = None) -> bytes:
    head = string(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
    return head + struct.pack("<BI", kind, len(data) if size is None else size) + data


def model(
    *tensors: bytes, aliases: tuple[tuple[str, str], ...] = (), spec: str = "WhisperSpec", version: int = 6
) -> bytes:
    head = struct.pack("<I", version) + string(spec) + struct.pack("<II", 3, len(tensors))
    tail = struct.pack("<I", len(aliases)) + b"".join(string(a) + string(b) for a, b in aliases)
    return head + b"".join(tensors) + tail


def load(folder: Path, data: bytes) -> WeightFile:
    (folder / "model.bin").write_bytes(data)
    return read_weight_file(folder / "model.bin")


def halves(*values: float) -> bytes:
    return np.array(values, "<f2").tobytes()


def test_float_tensors_keep_their_numbers_shape_and_precision(tmp_path: Path) -> None:
    """float16 and float32 are returned unchanged; an alias is the tensor that it names."""
    values = np.arange(6, dtype="<f4") / 7
    file = load(
        tmp_path,
        model(
            tensor("half", (2, 2), FLOAT16, halves(1, 2, 3, 4)),
            tensor("whole", (2, 3), FLOAT32, values.tobytes()),
            aliases=(("again", "half"),),
        ),
    )
    assert file.get("half", 2, 2).dtype == np.float16
    assert file.get("half", -1, 2).tolist() == [[1, 2], [3, 4]]
    assert np.array_equal(file.get("whole", 2, 3).ravel(), values)
    assert file.get("again", 2, 2) is file.get("half", 2, 2)


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    """bfloat16 is the upper half of a float32; numpy has no such type."""
    values = np.array([1.0, -2.5, 3.140625, 1e30], "<f4")
    upper = (values.view("<u4") >> 16).astype("<u2")
    file = load(tmp_path, model(tensor("x", (4,), BFLOAT16, upper.tobytes())))
    assert np.array_equal(file.get("x", 4), (upper.astype("<u4") << 16).view("<f4"))


@pytest.mark.parametrize(("scale", "expected"), [([2.0, 4.0], [[5, -5], [2.5, 0]]), ([10.0], [[1, -1], [1, 0]])])
def test_int8_is_divided_by_its_scale(tmp_path: Path, scale: list[float], expected: list[list[float]]) -> None:
    """A scale has one factor for each row, or one for all."""
    scales = tensor("x_scale", (len(scale),), FLOAT32, np.array(scale, "<f4").tobytes())
    file = load(tmp_path, model(tensor("x", (2, 2), INT8, bytes([10, 246, 10, 0])), scales))
    assert file.get("x", 2, 2).tolist() == expected


@pytest.mark.parametrize("kind", [INT8, INT16, INT32])
def test_integers_without_a_scale_are_rejected(tmp_path: Path, kind: int) -> None:
    """The message lists the supported number formats."""
    width = {INT8: 1, INT16: 2, INT32: 4}[kind]
    file = load(tmp_path, model(tensor("x", (2,), kind, bytes(2 * width))))
    with pytest.raises(ModelError, match="quantized in an unknown way; supported are float32, float16, bfloat16"):
        file.get("x", 2)


def test_missing_tensors_and_wrong_shapes_are_named(tmp_path: Path) -> None:
    """A file of another layout is an error, not another model."""
    file = load(tmp_path, model(tensor("x", (2,), FLOAT16, halves(1, 2))))
    with pytest.raises(ModelError, match="no tensor 'y'"):
        file.get("y", 2)
    with pytest.raises(ModelError, match=r"'x' has shape \(2,\), expected \(3,\)"):
        file.get("x", 3)
    with pytest.raises(ModelError, match="no tensor 'encoder/conv1/weight'"):
        file.dimensions()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a model at all", "format version"),
        (model(version=5), "format version is 5; supported is 6"),
        (model(spec="TransformerSpec"), "contains a 'TransformerSpec'"),
        (model(aliases=(("a", "b"),)), "'a' is an alias of 'b', which is missing"),
        (model(tensor("x", (2,), 9, b"1234")), "number format 9"),
        (model(tensor("x", (3,), FLOAT16, halves(1, 2))), r"shape \[3\] in 4 bytes"),
    ],
)
def test_an_invalid_file_is_rejected_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    """The message names the file and says what is wrong with it."""
    with pytest.raises(ModelError, match=reason):
        load(tmp_path, data)


def test_a_missing_file_is_a_model_error(tmp_path: Path) -> None:
    """Nothing but ModelError reaches the user."""
    with pytest.raises(ModelError, match=r"model\.bin"):
        read_weight_file(tmp_path / "model.bin")


def test_a_file_truncated_anywhere_is_rejected(tmp_path: Path) -> None:
    """An interrupted copy is recognized, wherever it ends."""
    whole = model(tensor("x", (2, 2), FLOAT16, halves(1, 2, 3, 4)), tensor("s", (), INT8, b"\1"), aliases=(("y", "x"),))
    load(tmp_path, whole)
    for end in range(len(whole)):
        with pytest.raises(ModelError):
            load(tmp_path, whole[:end])


def test_any_changed_byte_is_at_most_a_model_error(tmp_path: Path) -> None:
    """Whatever a damaged disk does to the file, no other error is raised."""
    whole = model(tensor("x", (2, 2), FLOAT16, halves(1, 2, 3, 4)), aliases=(("y", "x"),))
    for at in range(len(whole)):
        for value in (0, 1, 127, 255):
            damaged = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                file = load(tmp_path, damaged)
                file.dimensions()
            except ModelError:
                pass


@pytest.mark.parametrize(
    "claim",
    [
        struct.pack("<I", 6) + string("WhisperSpec") + struct.pack("<II", 3, 2**32 - 1),
        model(tensor("x", (2**32 - 1, 2**32 - 1, 2**32 - 1), FLOAT32, b"", size=2**32 - 1)),
        model(tensor("x", (2**30 - 1,), FLOAT32, b"", size=2**32 - 4)),
        model(tensor("x", (), FLOAT32, b"1234")) + b"\xff" * 8,
    ],
)
def test_absurd_sizes_allocate_no_memory(tmp_path: Path, claim: bytes) -> None:
    """A file of 100 bytes that claims 4 GB is rejected before anything is allocated."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelError):
            load(tmp_path, claim).dimensions()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def toy_tokenizer() -> dict[str, object]:
    names = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|notimestamps|>"]
    added = [{"id": 300 + i, "content": name, "special": True} for i, name in enumerate(names)]
    vocab = {"Ġ": 220, "t": 83, "a": 64, "Ġt": 256, "Ġa": 257}
    return {"added_tokens": added, "model": {"vocab": vocab, "merges": ["Ġ a"]}}


def test_timestamp_tokens_are_added_up_to_the_size_of_the_model() -> None:
    """An older tokenizer.json has none; decoders look up <|0.00|> by name."""
    tokenizer = toy_tokenizer()
    tokens = complete(tokenizer, 305 + 1501)
    assert (tokens["<|0.00|>"], tokens["<|0.02|>"], tokens["<|30.00|>"]) == (305, 306, 1805)
    assert complete(tokenizer, 305 + 1501) == tokens, "a complete tokenizer is left as it is"


def test_the_missing_first_merge_is_restored() -> None:
    """Early multilingual conversions lack "Ġ t": words that begin with t were split into pieces."""
    tokenizer = toy_tokenizer()
    complete(tokenizer, 1806)
    assert tokenizer["model"]["merges"] == ["Ġ t", "Ġ a"]  # type: ignore[index]


def test_a_tokenizer_of_another_model_is_rejected() -> None:
    """Ids beyond the model's vocabulary would exceed its embedding."""
    with pytest.raises(KeyError, match="in a model of 304 tokens"):
        complete(toy_tokenizer(), 304)
