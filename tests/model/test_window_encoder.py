"""Windows that grow: what is kept of them, and that nothing is kept which does not belong to them."""

from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import torch

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.whisper import window_encoder
from streamstt.whisper.decoding.speculative import DecodeRequest, SpeculativeDecoder
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.encoder import Encoder, EncoderKV
from streamstt.whisper.network.layers import MAX_POSITIONS
from streamstt.whisper.silent_context import SilentContexts
from streamstt.whisper.window_encoder import POSITION_SAMPLES, TAIL, WindowEncoder
from tests.support.reference_model import CPU, Example, largest, make_example
from tests.support.streaming import recording

AUDIO = recording("meeting")[samples_from_ms(2000) :]
LEAD_IN = LogMel(80, CPU)(recording("short")[samples_from_ms(500) : samples_from_ms(1500)], 100)


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Example:
    """whisper-tiny.en."""
    return make_example(tiny_folder)


@pytest.fixture
def windows(tiny: Example) -> WindowEncoder:
    """An encoder that has kept nothing yet."""
    contexts = SilentContexts(tiny.ours.encoder, tiny.ours.project_kv, LEAD_IN)
    return WindowEncoder(tiny.ours.network, LogMel(80, CPU), contexts)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The first position and the number of positions of each pass of the encoder over a window that is kept."""
    passes: list[tuple[int, int]] = []
    encode_from = Encoder.encode_from

    def record(self: Encoder, mel: torch.Tensor, first: int, kv: EncoderKV) -> torch.Tensor:
        output = encode_from(self, mel, first, kv)
        passes.append((first, len(output)))
        return output

    monkeypatch.setattr(Encoder, "encode_from", record)
    return passes


def length_of(audio: Samples) -> int:
    return len(audio) // POSITION_SAMPLES + 30


def encode_next(windows: WindowEncoder, audio: Samples, source: str = "a") -> CrossKV:
    return windows.encode_next(source, audio, length_of(audio))


def logits(example: Example, cross_kv: CrossKV) -> torch.Tensor:
    """What the decoder predicts, a copy: the memory of ``cross_kv`` is used again."""
    return example.ours.decoder(example.tokens[:12], 0, cross_kv, range(12)).logits.clone()


def afresh(example: Example, windows: WindowEncoder, audio: Samples) -> torch.Tensor:
    return logits(example, windows(audio, length_of(audio)))


def seconds(end: float, start: float = 0) -> Samples:
    return AUDIO[samples_from_ms(1000 * start) : samples_from_ms(1000 * end)]


@pytest.mark.parametrize("step_s", [0.02, 0.33, 2.5])
def test_an_endless_tail(tiny: Example, windows: WindowEncoder, step_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tail that is longer than any window, each update is that of the whole window."""
    monkeypatch.setattr(window_encoder, "TAIL", 10_000)
    for i in range(3):
        audio = seconds(4 + i * step_s)
        assert largest(logits(tiny, encode_next(windows, audio)) - afresh(tiny, windows, audio)) < 1e-3


def test_only_the_end(tiny: Example, windows: WindowEncoder, encoded: list[tuple[int, int]]) -> None:
    """A window that grows is encoded from ``TAIL`` before its old end; the text stays nearly the same."""
    for i in range(10):
        cross_kv = encode_next(windows, seconds(3 + 0.6 * i))
    ends = [round((3 + 0.6 * i) * 50) for i in range(10)]
    assert [first for first, _ in encoded] == [0, *(end - TAIL for end in ends[:-1])]
    assert [first + n for first, n in encoded] == [end + 30 for end in ends]
    decoder = SpeculativeDecoder(tiny.ours.decoder, tiny.config.token_filter, CPU)
    request = DecodeRequest(tiny.config.prompt("en", "transcribe"), 0, [], [], 60, ends[-1], 0)
    kept = decoder(request, cross_kv).tokens
    assert len(kept) > 10
    whole = decoder(request, windows(seconds(8.4), length_of(seconds(8.4)))).tokens
    assert SequenceMatcher(None, kept, whole).ratio() > 0.9  # a comma for a full stop


@pytest.mark.parametrize(
    "following",
    [seconds(6.6, start=0.5), seconds(5), seconds(6)[::-1].copy(), seconds(6.6) * np.float32(0.5)],
    ids=["a later start", "shorter", "other words", "other level"],
)
def test_another_window(
    tiny: Example, windows: WindowEncoder, encoded: list[tuple[int, int]], following: Samples
) -> None:
    """Audio that does not begin with that of the last window is encoded whole."""
    encode_next(windows, seconds(6))
    assert largest(logits(tiny, encode_next(windows, following)) - afresh(tiny, windows, following)) < 1e-3
    assert not any(first for first, _ in encoded)


def test_it_becomes_louder(tiny: Example, windows: WindowEncoder, encoded: list[tuple[int, int]]) -> None:
    """When somebody speaks up, the floor rises, and what had the lower floor is encoded again."""
    audio = seconds(6.6).copy()
    audio[: samples_from_ms(6000)] *= 0.1
    encode_next(windows, audio[: samples_from_ms(6000)])
    assert largest(logits(tiny, encode_next(windows, audio)) - afresh(tiny, windows, audio)) < 1e-3
    quieter = np.concatenate([audio, seconds(8, start=6.6) * np.float32(0.1)])
    encode_next(windows, quieter)
    *before, (first, _) = encoded
    assert first > 0
    assert not any(first for first, _ in before)


def test_several_sources(tiny: Example, windows: WindowEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source has a window of its own; there is a limit, and the one that was used least recently is forgotten."""
    monkeypatch.setattr(window_encoder, "MAX_WINDOWS", 2)
    alone = [logits(tiny, encode_next(windows, seconds(end))) for end in (5, 5.6, 6.2)]
    windows.forget("a")
    for i, end in enumerate((5, 5.6, 6.2)):
        together = logits(tiny, encode_next(windows, seconds(end)))
        encode_next(windows, seconds(end, start=0.7), "b")
        assert largest(together - alone[i]) < 1e-4
    encode_next(windows, seconds(5), "c")
    again = logits(tiny, encode_next(windows, seconds(6.8)))
    assert largest(again - afresh(tiny, windows, seconds(6.8))) < 1e-3


def test_forgotten(tiny: Example, windows: WindowEncoder, encoded: list[tuple[int, int]]) -> None:
    """After an utterance nothing is kept of its window, nor after a pass that failed."""
    encode_next(windows, seconds(5))
    windows.forget("a")
    encode_next(windows, seconds(5.6))
    with pytest.raises(RuntimeError):
        windows.encode_next("a", seconds(6.2), 20)  # less than what is kept
    cross_kv = encode_next(windows, seconds(6.8))
    assert largest(logits(tiny, cross_kv) - afresh(tiny, windows, seconds(6.8))) < 1e-3
    assert not any(first for first, _ in encoded)


def test_a_window_that_becomes_long(tiny: Example, windows: WindowEncoder) -> None:
    """A window that outgrows its memory gets more, up to 30 s."""
    for end in (12, 12.6, 28):
        audio = np.tile(AUDIO, 3)[: samples_from_ms(1000 * end)]
        length = min(length_of(audio), MAX_POSITIONS)
        cross_kv = windows.encode_next("a", audio, length)
        assert tiny.ours.decoder(tiny.tokens[:2], 0, cross_kv, [1]).attention.shape[2] == length
        if end == 12.6:
            assert largest(logits(tiny, cross_kv) - logits(tiny, windows(audio, length))) < 1e-3


def test_hardly_any_audio(tiny: Example, windows: WindowEncoder) -> None:
    """Windows that begin with nothing, or with less than a second, grow as others do."""
    for samples in (0, 1, 400, 9000, 30_000, 60_000):
        cross_kv = windows.encode_next("a", AUDIO[:samples], max(75, length_of(AUDIO[:samples])))
        assert bool(logits(tiny, cross_kv).isfinite().all())
