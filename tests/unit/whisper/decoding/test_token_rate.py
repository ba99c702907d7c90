"""Limits of tokens by language."""

import pytest

from streamstt.whisper.decoding.token_rate import DENSE_LANGUAGES, max_tokens

# Tokens per character of a sentence each, counted with whisper-base's tokenizer.
TOKENS_PER_CHARACTER = {
    "de": 0.28, "ru": 0.29, "ja": 0.55, "ko": 0.55, "el": 0.55, "he": 0.53, "ar": 0.55, "vi": 0.41, "yo": 0.76,
    "zh": 0.95, "th": 0.93, "hi": 1.25, "hy": 1.25, "te": 1.88, "ml": 2.19, "am": 2.49, "ka": 2.54, "my": 2.82,
}  # fmt: skip
FAST = 20  # characters a second, of an alphabet
FAST_SPACELESS = 8  # of Chinese or Japanese


@pytest.mark.parametrize(("language", "per_character"), TOKENS_PER_CHARACTER.items())
def test_fast_speech_is_not_cut_off(language: str, per_character: float) -> None:
    """Ten seconds of fast speech have room, whatever its script."""
    pace = FAST_SPACELESS if language in {"ja", "zh"} else FAST
    assert max_tokens(language, "transcribe", 10) > per_character * pace * 10


def test_english_has_the_least() -> None:
    """A decoder that repeats itself ends soonest where most is known; translations are English."""
    assert max_tokens("en", "transcribe", 10) == 130
    assert {max_tokens(language, "translate", 10) for language in ("ta", "de", "en")} == {130}
    assert max_tokens("de", "transcribe", 10) < max_tokens("ta", "transcribe", 10)
    assert "en" not in DENSE_LANGUAGES
