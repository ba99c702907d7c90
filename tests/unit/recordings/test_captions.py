"""The captions of a recording, over the ends of its chunks."""

from itertools import pairwise

import numpy as np
import pytest

from streamstt.audio.format import SAMPLE_RATE
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import Hypothesis, RecognizedWord
from streamstt.recordings.captions import RecordingCaptions
from streamstt.recordings.chunks import Chunk, ChunkDecode
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.reliability import SpeechFrames


def decoded(text: str, start_s: float, language: str = "en") -> ChunkDecode:
    """A chunk whose words take 0.3 s each."""
    words = text.split()
    start, step = round(start_s * SAMPLE_RATE), round(0.3 * SAMPLE_RATE)
    chunk = Chunk(start, np.zeros(len(words) * step, np.float32), SpeechFrames())
    decode = ChunkDecode(chunk, "talk", SpeechSettings(), None)
    recognized = (
        RecognizedWord(f" {word}", start + i * step, start + (i + 1) * step, 0.9) for i, word in enumerate(words)
    )
    assert decode.job is not None
    decode.apply(Hypothesis(decode.job, tuple(recognized), language))
    return decode


def captions_of(*chunks: ChunkDecode) -> list[str]:
    captions = RecordingCaptions(CaptionWriter("talk"), SpeechSettings())
    finals = [*(final for chunk in chunks for final in captions.add(chunk)), *captions.flush()]
    assert all(a.end <= b.start for a, b in pairwise(finals))
    return [final.text for final in finals]


@pytest.mark.parametrize(
    ("first", "second", "captions"),
    [
        ("We have", "two in the group.", ["We have two in the group."]),
        ("I spoke to Dr.", "Jones today.", ["I spoke to Dr. Jones today."]),
        ("It was sold for $349", "999 last week.", ["It was sold for $349 999 last week."]),
        ("That was it", "and we left.", ["That was it", "and we left."]),
        ("We left. It was the", "last one.", ["We left. It was the last one."]),
        ("We all left. It was the", "last one.", ["We all left.", "It was the last one."]),
        ("Tell me if", "", ["Tell me if"]),
    ],
)
def test_a_chunk_may_end_inside_a_phrase(first: str, second: str, captions: list[str]) -> None:
    """The phrase goes on in the next chunk."""
    assert captions_of(decoded(first, 0), decoded(second, 0.3 * len(first.split()) + 1)) == captions


def test_a_chunk_without_words_changes_nothing() -> None:
    """Words that wait keep their language, whatever was detected in noise."""
    captions = RecordingCaptions(CaptionWriter("talk"), SpeechSettings())
    finals = [*captions.add(decoded("We have to", 0)), *captions.add(decoded("", 2, "zh")), *captions.flush()]
    assert [(final.text, final.language) for final in finals] == [("We have to", "en")]


@pytest.mark.parametrize(("start_s", "language"), [(9, "en"), (2.5, "de")])
def test_a_phrase_that_was_broken_off(start_s: float, language: str) -> None:
    """After a long pause, or in another language, another caption begins."""
    assert captions_of(decoded("We have to", 0), decoded("so ist das", start_s, language)) == [
        "We have to",
        "so ist das",
    ]
