"""Whispers of other sizes, with random weights, in every layout of files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperConfig, WhisperForConditionalGeneration

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints.weights import Weights
from tests.support.reference_model import OurModel, largest, load, run_transformers

HEADS = [(0, 1), (1, 0), (1, 1)]
TOKENS = [7, 3, 3, 250, 0, 99, 12]
SMALL = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 256,
    "decoder_ffn_dim": 256,
    "vocab_size": 300,
    "max_target_positions": 50,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}


def make_model(**sizes: Any) -> WhisperForConditionalGeneration:
    """A model in which every weight matters: none is zero or one."""
    model = WhisperForConditionalGeneration._from_config(WhisperConfig(**SMALL | sizes), attn_implementation="eager")
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=random))
    return model.eval()


def window(n_mels: int) -> torch.Tensor:
    return torch.randn(n_mels, 3000, generator=torch.Generator().manual_seed(1))


def assert_same(ours: OurModel, model: WhisperForConditionalGeneration) -> None:
    mel = window(model.config.num_mel_bins)
    output, expected = ours.read(mel, TOKENS), run_transformers(model, mel, TOKENS, HEADS)
    assert float(expected.logits.std()) > 1, "random weights must make a difference"
    assert largest(output.logits - expected.logits) < 1e-3
    assert largest(output.attention - expected.attention) < 1e-3


def save_in_one_file(model: WhisperForConditionalGeneration, folder: Path) -> None:
    model.save_pretrained(folder)
    assert (folder / "model.safetensors").is_file()


def save_in_shards(model: WhisperForConditionalGeneration, folder: Path) -> None:
    model.save_pretrained(folder, max_shard_size="200KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2


def save_pickled(model: WhisperForConditionalGeneration, folder: Path) -> None:
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def save_pickled_in_shards(model: WhisperForConditionalGeneration, folder: Path) -> None:
    model.config.save_pretrained(folder)
    tensors = model.state_dict()
    shards = {name: f"pytorch_model-{i % 2}.bin" for i, name in enumerate(tensors)}
    for shard in set(shards.values()):
        torch.save({name: tensors[name] for name in tensors if shards[name] == shard}, folder / shard)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shards}))


def save_without_head(model: WhisperForConditionalGeneration, folder: Path) -> None:
    model.model.save_pretrained(folder)
    assert "encoder.conv1.weight" in load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    "save", [save_in_one_file, save_in_shards, save_pickled, save_pickled_in_shards, save_without_head]
)
def test_layouts(save: Callable[[WhisperForConditionalGeneration, Path], None], tmp_path: Path) -> None:
    """Weights are read from safetensors and from PyTorch's files, from one or several, named with or without prefix."""
    model = make_model()
    save(model, tmp_path)
    assert_same(load(tmp_path, HEADS), model)


@pytest.mark.parametrize(
    "sizes",
    [
        {"encoder_layers": 4},
        {"encoder_layers": 1, "decoder_layers": 3},
        {"num_mel_bins": 128},
        {"vocab_size": 1001},
        {"max_target_positions": len(TOKENS)},
        {"encoder_attention_heads": 8, "decoder_attention_heads": 2},
        {"d_model": 96, "encoder_ffn_dim": 384, "decoder_ffn_dim": 384},
    ],
    ids=str,
)
def test_shapes(sizes: dict[str, int], tmp_path: Path) -> None:
    """A Whisper of any size has the same output as in transformers: fewer layers, more mel bins, other vocabularies."""
    model = make_model(**sizes)
    save_in_one_file(model, tmp_path)
    assert_same(load(tmp_path, HEADS), model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_files(dtype: torch.dtype, tmp_path: Path) -> None:
    """Weights stored in 16 bits are used in float32."""
    model = make_model().to(dtype)
    save_in_one_file(model, tmp_path)
    assert_same(load(tmp_path, HEADS), model.float())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An intact model folder."""
    folder = tmp_path_factory.mktemp("whole")
    save_in_one_file(make_model(), folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


@pytest.mark.parametrize(
    "name",
    [
        "encoder.conv2.bias",
        "encoder.embed_positions.weight",
        "encoder.layers.1.self_attn.k_proj.weight",
        "encoder.layer_norm.bias",
        "decoder.embed_tokens.weight",
        "decoder.layers.0.encoder_attn.v_proj.weight",
        "decoder.layers.1.fc2.weight",
    ],
)
@pytest.mark.parametrize("how", ["lacks", "shape"])
def test_a_tensor_is_missing_or_has_another_shape(folder: Path, name: str, how: str) -> None:
    """A tensor that is missing, or has another shape, is an error that names it."""
    tensors = load_file(folder / "model.safetensors")
    tensor = tensors.pop(f"model.{name}")
    if how == "shape":
        tensors[f"model.{name}"] = tensor[1:].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"{how}.*{name}|{name}.*{how}"):
        load(folder, HEADS)


@pytest.mark.parametrize("bias", ["q_proj", "v_proj", "out_proj"])
def test_a_bias_is_missing(folder: Path, bias: str) -> None:
    """A missing bias is an error like any tensor; only keys have none."""
    name = f"model.decoder.layers.1.self_attn.{bias}.bias"
    tensors = load_file(folder / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=f"{bias}.bias"):
        load(folder, HEADS)


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_truncated_files(folder: Path, name: str, kept: int) -> None:
    """A file that is truncated anywhere is an error that says so, whatever its layout."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if name == "model.safetensors":
        save_file(tensors, folder / name)
    else:
        torch.save(tensors, folder / name)
    (folder / name).write_bytes((folder / name).read_bytes()[:kept])
    with pytest.raises(ModelError, match="cannot be read"):
        load(folder, HEADS)


def test_no_file(folder: Path) -> None:
    """A folder without weights is an error that says so."""
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        Weights(folder)


@pytest.mark.parametrize(
    "index", [b'{"weight_map": {"a": "missing.safetensors"}}', b'{"weight_map": []}', b"{}", b"[]", b"{", b"\xff"]
)
def test_a_damaged_index(folder: Path, index: bytes) -> None:
    """An index that names a missing shard or none, or is not an index, is an error that says so."""
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_bytes(index)
    with pytest.raises(ModelError, match="cannot be read"):
        Weights(folder)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02}q\x00."])
def test_not_weights(folder: Path, content: bytes) -> None:
    """A file with PyTorch's name and other content is an error that says so."""
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        Weights(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale_embedding", True),
        ("activation_function", "relu"),
        ("max_source_positions", 750),
    ],
)
def test_another_kind_of_whisper(folder: Path, key: str, value: object) -> None:
    """A Whisper of another architecture is an error that names the setting; it is not decoded wrongly."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {key: value}))
    with pytest.raises(ModelError, match=key):
        load(folder, HEADS)


@pytest.mark.parametrize(("key", "value"), [("d_model", "wide"), ("decoder_layers", None), ("vocab_size", [])])
def test_a_size_is_not_a_number(folder: Path, key: str, value: object) -> None:
    """A size that is not a number is an error that names the file."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {key: value}))
    with pytest.raises(ModelError, match=r"config\.json"):
        load(folder, HEADS)


@pytest.mark.parametrize("key", ["d_model", "encoder_layers", "decoder_attention_heads", "vocab_size"])
def test_a_size_is_missing(folder: Path, key: str) -> None:
    """A config.json without one of the sizes is an error that names it."""
    config = json.loads((folder / "config.json").read_text())
    del config[key]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=key):
        load(folder, HEADS)
