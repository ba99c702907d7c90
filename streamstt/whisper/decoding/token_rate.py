"""How many tokens a second of speech can need. The model's vocabulary was made for English and its neighbours."""

ENGLISH_RATE = 12  # tokens/s; fast speech has 20 characters a second, and 4 of them are a token
COMMON_RATE = 24  # 2 characters are a token: Greek, Hebrew, Arabic, Vietnamese, Yoruba
DENSE_RATE = 60  # up to 3 tokens a character

DENSE_LANGUAGES = frozenset(
    "am as bn bo gu hi hy ka km kn lo ml mr my ne pa sa sd si ta te th ur yi".split()  # noqa: SIM905 - readable
)
"""Languages of scripts whose characters are one to three tokens each: of India, Southeast Asia, Ethiopia, Georgia."""


def max_tokens(language: str, task: str, seconds: float) -> int:
    """Returns how many tokens speech may have; a decoder that needs more repeats itself.

    Args:
        language: Code of the spoken language.
        task: "transcribe", or "translate", which writes English.
        seconds: Length of the audio.
    """
    if language == "en" or task == "translate":
        rate = ENGLISH_RATE
    else:
        rate = DENSE_RATE if language in DENSE_LANGUAGES else COMMON_RATE
    return int(rate * seconds) + 10
