"""Converts a CTranslate2 Whisper to Hugging Face's layout, so that one loader serves every model.

The mapping of the tensors is exact. Settings that CTranslate2 does not store are those of OpenAI's models
(``config.json``, ``generation_config.json`` and ``preprocessor_config.json`` of openai/whisper-*), with sizes read from
the tensors and token ids from the tokenizer.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints import tokenizer_files
from streamstt.whisper.checkpoints.ctranslate2 import TensorMap, WeightFile, WeightFileDimensions, read_weight_file
from streamstt.whisper.checkpoints.layout import JsonObject, read_json

MULTILINGUAL_VOCABULARY = 51865  # tokens; English-only models have 51864 (openai/whisper model.py, is_multilingual)
POSITIONS_PER_SECOND = 50  # of the encoder: each covers two mel frames of 10 ms


def convert(source: Path, target: Path) -> None:
    """Converts a model.

    Args:
        source: Folder with a CTranslate2 model.
        target: Empty folder for the Hugging Face model.

    Raises:
        ModelError: A file is missing, damaged or of an unknown format.
        OSError: ``target`` is not writable.
    """
    file = read_weight_file(source / "model.bin")
    dims = file.dimensions()
    ctranslate2_config = read_json(source / "config.json") if (source / "config.json").is_file() else {}
    tokenizer = read_json(source / "tokenizer.json")
    try:
        tokens = tokenizer_files.complete(tokenizer, dims.vocabulary_size)
        contents = {
            "config.json": _model_config(dims, tokens),
            "generation_config.json": _generation_config(dims, tokens, ctranslate2_config),
            "preprocessor_config.json": _preprocessor_config(dims),
            "tokenizer.json": tokenizer,
            "tokenizer_config.json": tokenizer_files.make_tokenizer_config(tokenizer),
            # transformers 4 builds its slow tokenizer from these two.
            "vocab.json": tokenizer["model"]["vocab"],
            "merges.txt": tokenizer_files.format_merges(tokenizer["model"]["merges"]),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{source / 'tokenizer.json'} is not Whisper's tokenizer: {error!r}") from error
    for name, content in contents.items():
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1)
        (target / name).write_text(text, encoding="utf-8")
    save_file(to_transformers(file), target / "model.safetensors", metadata={"format": "pt"})


def to_transformers(file: WeightFile) -> TensorMap:
    """Returns all tensors by their names in transformers' ``WhisperForConditionalGeneration``.

    They are float16 if the whole file is, else float32. The output projection is tied to the embedding and omitted.
    Arrays are contiguous; some are views of the file.

    Raises:
        ModelError: A tensor is missing or has a wrong shape.
    """
    dims = file.dimensions()
    d = dims.width
    named: TensorMap = {
        "model.encoder.conv1.weight": file.get("encoder/conv1/weight", d, dims.n_mels, 3),
        "model.encoder.conv1.bias": file.get("encoder/conv1/bias", d),
        "model.encoder.conv2.weight": file.get("encoder/conv2/weight", d, d, 3),
        "model.encoder.conv2.bias": file.get("encoder/conv2/bias", d),
        "model.decoder.embed_tokens.weight": file.get("decoder/embeddings/weight", dims.vocabulary_size, d),
    }
    for side, layers, ffn in (
        ("encoder", dims.encoder_layers, dims.encoder_ffn),
        ("decoder", dims.decoder_layers, dims.decoder_ffn),
    ):
        named[f"model.{side}.embed_positions.weight"] = file.get(f"{side}/position_encodings/encodings", -1, d)
        named |= _norm(file, f"{side}/layer_norm", f"model.{side}.layer_norm", d)
        for i in range(layers):
            source, target = f"{side}/layer_{i}", f"model.{side}.layers.{i}"
            named |= _self_attention(file, f"{source}/self_attention", target, d)
            if side == "decoder":
                named |= _cross_attention(file, f"{source}/attention", target, d)
            named |= _norm(file, f"{source}/ffn/layer_norm", f"{target}.final_layer_norm", d)
            named |= _linear(file, f"{source}/ffn/linear_0", f"{target}.fc1", (ffn, d))
            named |= _linear(file, f"{source}/ffn/linear_1", f"{target}.fc2", (d, ffn))
    is_half = all(value.dtype == np.float16 for value in named.values())
    return {name: np.ascontiguousarray(value, np.float16 if is_half else np.float32) for name, value in named.items()}


def _norm(file: WeightFile, source: str, target: str, d: int) -> TensorMap:
    return {f"{target}.weight": file.get(f"{source}/gamma", d), f"{target}.bias": file.get(f"{source}/beta", d)}


def _linear(file: WeightFile, source: str, target: str, shape: tuple[int, int]) -> TensorMap:
    weight, bias = file.get(f"{source}/weight", *shape), file.get(f"{source}/bias", shape[0])
    return {f"{target}.weight": weight, f"{target}.bias": bias}


def _self_attention(file: WeightFile, source: str, target: str, d: int) -> TensorMap:
    """Splits linear_0, which stacks q, k and v. Whisper's k has no bias; CTranslate2 stores zeros for it."""
    weight, bias = file.get(f"{source}/linear_0/weight", 3 * d, d), file.get(f"{source}/linear_0/bias", 3 * d)
    return {
        f"{target}.self_attn.q_proj.weight": weight[:d],
        f"{target}.self_attn.q_proj.bias": bias[:d],
        f"{target}.self_attn.k_proj.weight": weight[d : 2 * d],
        f"{target}.self_attn.v_proj.weight": weight[2 * d :],
        f"{target}.self_attn.v_proj.bias": bias[2 * d :],
        **_linear(file, f"{source}/linear_1", f"{target}.self_attn.out_proj", (d, d)),
        **_norm(file, f"{source}/layer_norm", f"{target}.self_attn_layer_norm", d),
    }


def _cross_attention(file: WeightFile, source: str, target: str, d: int) -> TensorMap:
    """Splits linear_1, which stacks k and v; linear_0 is q, and linear_2 the output."""
    weight, bias = file.get(f"{source}/linear_1/weight", 2 * d, d), file.get(f"{source}/linear_1/bias", 2 * d)
    return {
        f"{target}.encoder_attn.k_proj.weight": weight[:d],
        f"{target}.encoder_attn.v_proj.weight": weight[d:],
        f"{target}.encoder_attn.v_proj.bias": bias[d:],
        **_linear(file, f"{source}/linear_0", f"{target}.encoder_attn.q_proj", (d, d)),
        **_linear(file, f"{source}/linear_2", f"{target}.encoder_attn.out_proj", (d, d)),
        **_norm(file, f"{source}/layer_norm", f"{target}.encoder_attn_layer_norm", d),
    }


def _special_ids(tokens: Mapping[str, int]) -> JsonObject:
    end = tokens["<|endoftext|>"]
    start = tokens["<|startoftranscript|>"]
    return {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}


def _model_config(dims: WeightFileDimensions, tokens: Mapping[str, int]) -> JsonObject:
    return _special_ids(tokens) | {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "is_encoder_decoder": True,
        "torch_dtype": "float32",  # as in OpenAI's files; the loader may choose another
        "activation_function": "gelu",
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "begin_suppress_tokens": _blank_tokens(tokens),
        "vocab_size": dims.vocabulary_size,
        "num_mel_bins": dims.n_mels,
        "d_model": dims.width,
        "max_source_positions": dims.audio_positions,
        "max_target_positions": dims.text_positions,
        "max_length": dims.text_positions,
        "num_hidden_layers": dims.encoder_layers,
        "encoder_layers": dims.encoder_layers,
        "decoder_layers": dims.decoder_layers,
        "encoder_attention_heads": dims.heads,
        "decoder_attention_heads": dims.heads,
        "encoder_ffn_dim": dims.encoder_ffn,
        "decoder_ffn_dim": dims.decoder_ffn,
    }


def _generation_config(
    dims: WeightFileDimensions, tokens: Mapping[str, int], ctranslate2_config: JsonObject
) -> JsonObject:
    """Returns generation_config.json.

    Args:
        dims: Sizes of the model.
        tokens: Ids of the added tokens.
        ctranslate2_config: CTranslate2's config.json, which stores the settings that differ between models.
    """
    multilingual = dims.vocabulary_size >= MULTILINGUAL_VOCABULARY
    languages = range(tokens["<|startoftranscript|>"] + 1, tokens["<|translate|>"])
    upper_half = range(dims.decoder_layers // 2, dims.decoder_layers)  # the default of openai/whisper and CTranslate2
    settings = _special_ids(tokens) | {
        "alignment_heads": ctranslate2_config.get("alignment_heads")
        or [[layer, head] for layer in upper_half for head in range(dims.heads)],
        "begin_suppress_tokens": ctranslate2_config.get("suppress_ids_begin") or _blank_tokens(tokens),
        "suppress_tokens": ctranslate2_config.get("suppress_ids") or [],
        "is_multilingual": multilingual,
        "max_initial_timestamp_index": 50,  # the first timestamp is at most 1 s
        "max_length": dims.text_positions,
        "no_timestamps_token_id": tokens["<|notimestamps|>"],
        "prev_sot_token_id": tokens["<|startofprev|>"],
        "return_timestamps": False,
    }
    if multilingual:  # English-only tokenizers have these tokens too, but their models were not trained on them
        settings["lang_to_id"] = {token: number for token, number in tokens.items() if number in languages}
        settings["task_to_id"] = {task: tokens[f"<|{task}|>"] for task in ("transcribe", "translate")}
    return settings


def _blank_tokens(tokens: Mapping[str, int]) -> list[int]:
    return [220, tokens["<|endoftext|>"]]  # " " (the same id in both tokenizers) and the end token: a text is not empty


def _preprocessor_config(dims: WeightFileDimensions) -> JsonObject:
    seconds = dims.audio_positions // POSITIONS_PER_SECOND
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": dims.n_mels,
        "sampling_rate": 16_000,
        "chunk_length": seconds,
        "n_samples": seconds * 16_000,
        "nb_max_frames": seconds * 100,
        "hop_length": 160,
        "n_fft": 400,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }
