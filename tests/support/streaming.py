"""Jobs for engines with real weights, made from the recordings in tests/data, and what to read off a hypothesis."""

import soundfile

from streamstt.audio.format import Samples
from streamstt.config.settings import EngineSettings
from streamstt.engine.base import Hypothesis, Job, RecognizedWord
from tests.support.paths import DATA

EXACT = EngineSettings(device="cpu", encoder="float32", decoder="float32")
COARSE = EngineSettings(device="cpu", encoder="int8", decoder="int8")


def recording(name: str) -> Samples:
    samples, rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    assert rate == 16000
    return samples


SHORT = recording("short")  # 5 s


def job(audio: Samples, *, final: bool = True, start: int = 0, **details: object) -> Job:
    return Job("test", start, audio, final=final, **details)  # type: ignore[arg-type]


def drafted(tokens: list[int]) -> tuple[RecognizedWord, ...]:
    """Words of one token each, for a draft."""
    return tuple(RecognizedWord("", 0, 0, 1.0, (token,)) for token in tokens)


def tokens_of(hypothesis: Hypothesis) -> list[int]:
    return [token for word in hypothesis.words for token in word.tokens]


def text_of(hypothesis: Hypothesis) -> str:
    return "".join(w.text for w in hypothesis.words)
