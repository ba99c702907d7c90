"""Brings an older tokenizer.json of Whisper up to date, and writes the files that go with it.

``tokenizer.json`` is the format of the tokenizers library: ``model`` is a byte-pair encoding (``vocab``: token to id;
``merges``: pairs, the earlier the stronger), ``added_tokens`` are those that are not made of text.
"""

from typing import Any

BYTE_TOKENS = 256  # ids below are single bytes; from here on, merge number n makes token 256 + n

JsonObject = dict[str, Any]


def complete(tokenizer: JsonObject, vocabulary_size: int) -> dict[str, int]:
    """Adds what older files lack to ``tokenizer``, and gives the ids of all added tokens.

    Raises:
        KeyError: The tokenizer is not Whisper's, or of another Whisper than one with ``vocabulary_size`` tokens.
    """
    _restore_merges(tokenizer["model"])
    added: list[JsonObject] = tokenizer["added_tokens"]
    tokens = {str(token["content"]): int(token["id"]) for token in added}
    first = tokens["<|notimestamps|>"] + 1
    if "<|0.00|>" not in tokens:
        plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        stamps = {f"<|{i * 0.02:.2f}|>": first + i for i in range(vocabulary_size - first)}
        added += [{"id": number, "content": stamp} | plain for stamp, number in stamps.items()]
        tokens |= stamps
    if max(tokens.values()) >= vocabulary_size:
        raise KeyError(f"token {max(tokens.values())} in a model of {vocabulary_size} tokens")
    return tokens


def make_tokenizer_config(tokenizer: JsonObject) -> JsonObject:
    """tokenizer_config.json for a completed tokenizer."""
    end = "<|endoftext|>"
    added = tokenizer["added_tokens"]
    return {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
        "unk_token": end,
        "additional_special_tokens": [token["content"] for token in added if token["special"]],
        "added_tokens_decoder": {
            str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in added
        },
        "add_prefix_space": False,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,  # it would take honest spaces out of the text
        "errors": "replace",
        "model_max_length": 1024,
        "return_attention_mask": False,
    }


def format_merges(merges: list[str | list[str]]) -> str:
    """merges.txt: a pair a line."""
    return "\n".join(("#version: 0.2", *map(_format_pair, merges), ""))


def _format_pair(merge: str | list[str]) -> str:
    """Newer files hold lists, older ones strings."""
    return merge if isinstance(merge, str) else " ".join(merge)


def _restore_merges(model: JsonObject) -> None:
    """Puts back the first merge, "Ġ t", that the early multilingual conversions lost.

    Without it every word that begins with t is spelt in pieces that the model never saw. Two bytes can be merged in
    one way only, and their token's id is the merge's place.
    """
    merges: list[str | list[str]] = model["merges"]
    made = {_format_pair(merge).replace(" ", "") for merge in merges}
    lost = {token: number for token, number in model["vocab"].items() if len(token) == 2 and token not in made}
    for token, number in sorted(lost.items(), key=lambda item: item[1]):
        merges.insert(number - BYTE_TOKENS, list(token) if merges and isinstance(merges[0], list) else " ".join(token))
