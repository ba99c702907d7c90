"""Updates an older tokenizer.json of Whisper, and generates the files that belong to it.

``tokenizer.json`` is the format of the tokenizers library: ``model`` is a byte-pair encoding (``vocab``: token to id;
``merges``: pairs in order of precedence), and ``added_tokens`` are tokens that do not come from text.
"""

from streamstt.whisper.checkpoints.layout import JsonObject

BYTE_TOKENS = 256  # lower ids are single bytes; merge number n creates token 256 + n


def complete(tokenizer: JsonObject, vocabulary_size: int) -> dict[str, int]:
    """Adds what older files lack to ``tokenizer``, in place.

    Args:
        tokenizer: Content of tokenizer.json.
        vocabulary_size: Number of tokens of the model.

    Returns:
        The id of each added token.

    Raises:
        KeyError: The tokenizer is not Whisper's, or does not fit the model.
    """
    _restore_merges(tokenizer["model"])
    added: list[JsonObject] = tokenizer["added_tokens"]
    tokens = {str(token["content"]): int(token["id"]) for token in added}
    first = tokens["<|notimestamps|>"] + 1
    if "<|0.00|>" not in tokens:
        options = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        timestamps = {f"<|{i * 0.02:.2f}|>": first + i for i in range(vocabulary_size - first)}
        added += [{"id": number, "content": text} | options for text, number in timestamps.items()]
        tokens |= timestamps
    if max(tokens.values()) >= vocabulary_size:
        raise KeyError(f"token {max(tokens.values())} in a model of {vocabulary_size} tokens")
    return tokens


def make_tokenizer_config(tokenizer: JsonObject) -> JsonObject:
    """Returns tokenizer_config.json for a completed tokenizer."""
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
        "clean_up_tokenization_spaces": False,  # it would remove spaces that belong to the text
        "errors": "replace",
        "model_max_length": 1024,
        "return_attention_mask": False,
    }


def format_merges(merges: list[str | list[str]]) -> str:
    """Returns the content of merges.txt, one pair per line."""
    return "\n".join(("#version: 0.2", *map(_format_pair, merges), ""))


def _format_pair(merge: str | list[str]) -> str:
    """Returns a merge as text; newer files contain lists, older ones strings."""
    return merge if isinstance(merge, str) else " ".join(merge)


def _restore_merges(model: JsonObject) -> None:
    """Restores the first merge, "Ġ t", which early multilingual conversions lack.

    Without it every word that begins with t is split into tokens that the model never saw. Two bytes can be merged in
    only one way, and the id of their token gives the position of the merge.
    """
    merges: list[str | list[str]] = model["merges"]
    merged = {_format_pair(merge).replace(" ", "") for merge in merges}
    missing = {token: number for token, number in model["vocab"].items() if len(token) == 2 and token not in merged}
    for token, number in sorted(missing.items(), key=lambda item: item[1]):
        merges.insert(number - BYTE_TOKENS, list(token) if merges and isinstance(merges[0], list) else " ".join(token))
