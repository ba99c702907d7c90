"""Detects what kind of model a folder holds, and what is missing. Reads only file names and JSON files."""

import json
from enum import Enum
from pathlib import Path
from typing import Any

from streamstt.errors import ModelError

JsonObject = dict[str, Any]

WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_SAVE_PROCESSOR = "WhisperProcessor.from_pretrained('openai/whisper-...').save_pretrained(folder) of transformers"


class Layout(Enum):
    """Layouts of model folders, by the program that defines them."""

    TRANSFORMERS = "Hugging Face"
    CTRANSLATE2 = "CTranslate2"


def is_model(folder: Path) -> bool:
    """Returns whether the folder seems to hold a model; a folder named ``base`` in the working directory need not."""
    return any((folder / name).is_file() for name in ("config.json", "model.bin", *WEIGHT_FILES))


def detect_layout(folder: Path) -> Layout:
    """Returns the layout of a folder, after checking that it holds a complete Whisper.

    Raises:
        ModelError: It holds another model, or files are missing; the message names them and their origin.
    """
    if (folder / "model.bin").is_file() and not any((folder / name).is_file() for name in WEIGHT_FILES):
        _require_any(folder, "tokenizer.json", remedy="copy it from the original model")
        return Layout.CTRANSLATE2
    _require_any(folder, "config.json", remedy="a model folder has config.json, weights, and tokenizer files")
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "whisper":
        raise ModelError(f"{folder} holds a model of type {kind!r}; only 'whisper' can be used")
    _require_any(folder, *WEIGHT_FILES, remedy="the weights are missing; was the download or the copy interrupted?")
    for index in WEIGHT_FILES[1::2]:
        if (folder / index).is_file():
            _require_shards(folder, index)
    _require_any(folder, "preprocessor_config.json", "processor_config.json", remedy=f"write it with {_SAVE_PROCESSOR}")
    _require_any(folder, "tokenizer.json", "vocab.json", remedy=f"write it with {_SAVE_PROCESSOR}")
    return Layout.TRANSFORMERS


def read_json(path: Path) -> JsonObject:
    """Reads a JSON object.

    Raises:
        ModelError: The file cannot be read, or contains something else.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not contain a JSON object")
    return value


def _require_any(folder: Path, *names: str, remedy: str) -> None:
    if not any((folder / name).is_file() for name in names):
        raise ModelError(f"{folder} has no {' or '.join(names)}: {remedy}")


def _require_shards(folder: Path, index: str) -> None:
    shards = read_json(folder / index).get("weight_map")
    if not isinstance(shards, dict):
        raise ModelError(f"{folder / index} has no weight_map: it is damaged")
    for name in sorted({str(shard) for shard in shards.values()}):
        _require_any(folder, name, remedy=f"{index} names it; was the download or the copy interrupted?")
