"""Our forward pass with real weights against that of transformers, and what its shortcuts cost."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from streamstt.audio.format import samples_from_ms
from streamstt.whisper.log_mel import LogMel, silence_value
from streamstt.whisper.network.linear import Precision
from tests.support.reference_model import (
    COLUMNS,
    CPU,
    Reading,
    Said,
    largest,
    load,
    reading_of,
    recording,
    transformers_say,
)

F32, BF16, INT8 = Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Reading:
    """whisper-base."""
    return reading_of(base_folder)


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Reading:
    """whisper-tiny.en."""
    return reading_of(tiny_folder)


@pytest.fixture(scope="module", params=["base", "tiny"])
def reading(request: pytest.FixtureRequest) -> Reading:
    """Each of the two models."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def said(reading: Reading) -> Said:
    """What transformers makes of the same."""
    model = WhisperForConditionalGeneration.from_pretrained(
        reading.folder, dtype=torch.float32, attn_implementation="eager"
    )
    return transformers_say(model, reading.mel, reading.tokens, sorted(reading.speaking.alignment_heads))


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("name", ["meeting", "quiet", "noise", "longer than 30 s"])
def test_spectrogram_is_that_of_transformers(name: str, n_mels: int) -> None:
    """A window of 30 s has the spectrogram that transformers' feature extractor gives, whatever the audio's length."""
    audio = np.tile(recording("meeting"), 2) if name == "longer than 30 s" else recording(name)
    extract = WhisperFeatureExtractor(feature_size=n_mels)
    expected = extract(audio, sampling_rate=16000, return_tensors="pt").input_features[0]
    mel = LogMel(n_mels, CPU)(audio, COLUMNS)
    assert mel.shape == expected.shape == (n_mels, COLUMNS)
    assert largest(mel - expected) < 1e-4


@pytest.mark.parametrize("columns", [200, 1001])
def test_short_spectrogram(columns: int) -> None:
    """A short window has the spectrogram that the long one begins with; what lies behind the audio is the floor."""
    audio = recording("meeting")[samples_from_ms(1000) : samples_from_ms(2000)]
    mel, whole = LogMel(80, CPU)(audio, columns), LogMel(80, CPU)(audio, COLUMNS)
    assert mel.shape == (80, columns)
    assert largest(mel - whole[:, :columns]) < 1e-4
    assert largest(whole[:, 103:] - silence_value(float(whole.max()))) < 1e-6
    assert float(whole.min()) == float(whole[0, -1])


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("samples", [0, 1, 1000])
def test_hardly_any_spectrogram(samples: int, columns: int) -> None:
    """A scrap of audio, or none, has a spectrogram like any other."""
    mel = LogMel(80, CPU)(recording("short")[:samples], columns)
    assert mel.shape == (80, columns)
    assert mel.isfinite().all()


def test_encoder_is_that_of_transformers(reading: Reading, said: Said) -> None:
    """In float32 the encoder's output for 30 s is that of transformers."""
    heard = reading.ours.encoder(reading.mel)
    assert heard.dtype == torch.float32
    assert heard.shape == said.heard.shape
    assert largest(heard - said.heard) < 1e-3


def test_logits_are_those_of_transformers(reading: Reading, said: Said) -> None:
    """In float32 the logits after each of many tokens, taken at once, are those of transformers."""
    assert reading.read.logits.shape == said.logits.shape
    assert largest(reading.read.logits - said.logits) < 1e-3
    some = reading.ours.decoder(reading.tokens, 0, reading.ours.hear(reading.mel), [0, 7, 3])
    assert largest(some.logits - said.logits[[0, 7, 3]]) < 1e-3


def test_alignment_heads_are_those_of_transformers(reading: Reading, said: Said) -> None:
    """In float32 the alignment heads look where those of transformers do, in the order of their layers."""
    assert reading.read.attention.shape == said.attention.shape
    assert largest(reading.read.attention - said.attention) < 1e-3


def test_tokens_one_at_a_time(reading: Reading) -> None:
    """Tokens that are fed one at a time give what they give at once."""
    memory = reading.ours.hear(reading.mel)
    steps = [reading.ours.decoder([token], i, memory, [0]) for i, token in enumerate(reading.tokens)]
    assert largest(torch.cat([s.logits for s in steps]) - reading.read.logits) < 1e-3
    assert largest(torch.cat([s.attention for s in steps], dim=1) - reading.read.attention) < 1e-3


@pytest.mark.parametrize("kept", [0, 1, 10])
def test_overwriting_what_was_said(base: Reading, kept: int) -> None:
    """Tokens after the first ``past`` are forgotten: what follows them is as in a fresh pass."""
    decoder, memory = base.ours.decoder, base.ours.hear(base.mel)
    wrong = [*base.tokens[:kept], *reversed(base.tokens[kept:])]
    decoder(wrong, 0, memory, [0])
    at = kept + 5
    several = decoder(base.tokens[kept:at], kept, memory, range(5))
    one = decoder([base.tokens[at]], at, memory, [0])
    assert largest(several.logits - base.read.logits[kept:at]) < 1e-3
    assert largest(one.logits - base.read.logits[at]) < 1e-3


def test_another_window(base: Reading) -> None:
    """A memory that is given a shorter window forgets the longer one."""
    mel = LogMel(80, CPU)(recording("short"), 600)
    used, fresh = base.ours.hear(base.mel), base.ours.hear(mel)
    used.set_window(base.ours.cross(base.ours.encoder(mel)))
    passes = [base.ours.decoder(base.tokens, 0, memory, [9]) for memory in (used, fresh)]
    assert passes[0].attention.shape[2] == 300
    assert torch.equal(passes[0].logits, passes[1].logits)


@pytest.mark.parametrize(
    ("encoder", "decoder", "hearing", "saying"),
    [
        (BF16, F32, 0.016, 0.08),
        (F32, BF16, 1e-9, 0.2),
        (INT8, F32, 0.045, 0.32),
        (F32, INT8, 1e-9, 1.0),
        (INT8, INT8, 0.045, 1.0),
    ],
)
def test_coarse_formats(base: Reading, encoder: Precision, decoder: Precision, hearing: float, saying: float) -> None:
    """A coarse format keeps the mean error of encoder output and logits small, and nearly always says the same."""
    coarse = load(base.folder, base.speaking.alignment_heads, encoder, decoder)
    heard, exact = coarse.encoder(base.mel), base.ours.encoder(base.mel)
    assert heard.dtype == torch.float32
    read = coarse.read(base.mel, base.tokens)
    assert read.logits.dtype == torch.float32
    same = (read.logits.argmax(dim=1) == base.read.logits.argmax(dim=1)).float().mean()
    assert float((heard - exact).abs().mean()) < hearing
    assert float((read.logits - base.read.logits).abs().mean()) < saying
    assert float(same) > 0.93
