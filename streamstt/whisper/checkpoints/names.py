"""Short names of models, and codes of languages. Imports nothing heavy: shell completion loads it at a key press."""

from collections.abc import Mapping
from types import MappingProxyType

REPOSITORIES: Mapping[str, str] = MappingProxyType(
    {
        **{
            size: f"openai/whisper-{size}"
            for size in ("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en")
        },
        "large": "openai/whisper-large-v3",
        "large-v2": "openai/whisper-large-v2",
        "large-v3": "openai/whisper-large-v3",
        "large-v3-turbo": "openai/whisper-large-v3-turbo",
        "turbo": "openai/whisper-large-v3-turbo",
        "distil-small.en": "distil-whisper/distil-small.en",
        "distil-medium.en": "distil-whisper/distil-medium.en",
        "distil-large-v2": "distil-whisper/distil-large-v2",
        "distil-large-v3": "distil-whisper/distil-large-v3",
        "distil-large-v3.5": "distil-whisper/distil-large-v3.5",
    }
)
"""Repository on the Hugging Face hub by short name; the names are those of openai/whisper and faster-whisper."""

LANGUAGES = """
af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it
ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn
so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
"""
"""Language codes of multilingual Whispers (openai/whisper tokenizer.py); yue since large-v3."""
