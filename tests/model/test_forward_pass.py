"""Streamstt's forward pass with real weights, compared with that of transformers, and the error of coarse formats."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from streamstt.audio.format import samples_from_ms
from streamstt.whisper.log_mel import LogMel, silence_value
from streamstt.whisper.network.linear import Precision
from tests.support.reference_model import (
    CPU,
    N_FRAMES,
    Example,
    ReferenceOutput,
    largest,
    load,
    make_example,
    run_transformers,
)
from tests.support.streaming import recording

F32, BF16, INT8 = Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Example:
    """whisper-base."""
    return make_example(base_folder)


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Example:
    """whisper-tiny.en."""
    return make_example(tiny_folder)


@pytest.fixture(scope="module", params=["base", "tiny"])
def example(request: pytest.FixtureRequest) -> Example:
    """Each of the two models."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def expected(example: Example) -> ReferenceOutput:
    """The output of transformers for the same window and tokens."""
    model = WhisperForConditionalGeneration.from_pretrained(
        example.folder, dtype=torch.float32, attn_implementation="eager"
    )
    return run_transformers(model, example.mel, example.tokens, sorted(example.config.alignment_heads))


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("name", ["meeting", "quiet", "noise", "longer than 30 s"])
def test_spectrogram_is_that_of_transformers(name: str, n_mels: int) -> None:
    """A window of 30 s has the spectrogram that transformers' feature extractor gives, whatever the audio's length."""
    audio = np.tile(recording("meeting"), 2) if name == "longer than 30 s" else recording(name)
    extract = WhisperFeatureExtractor(feature_size=n_mels)
    expected = extract(audio, sampling_rate=16000, return_tensors="pt").input_features[0]
    mel = LogMel(n_mels, CPU)(audio, N_FRAMES)
    assert mel.shape == expected.shape == (n_mels, N_FRAMES)
    assert largest(mel - expected) < 1e-4


@pytest.mark.parametrize("n_frames", [200, 1001])
def test_short_spectrogram(n_frames: int) -> None:
    """The spectrogram of a short window is the beginning of the long one; after the audio it has the floor's value."""
    audio = recording("meeting")[samples_from_ms(1000) : samples_from_ms(2000)]
    mel, whole = LogMel(80, CPU)(audio, n_frames), LogMel(80, CPU)(audio, N_FRAMES)
    assert mel.shape == (80, n_frames)
    assert largest(mel - whole[:, :n_frames]) < 1e-4
    assert largest(whole[:, 103:] - silence_value(float(whole.max()))) < 1e-6
    assert float(whole.min()) == float(whole[0, -1])


@pytest.mark.parametrize("n_frames", [1, 2, 3])
@pytest.mark.parametrize("samples", [0, 1, 1000])
def test_hardly_any_spectrogram(samples: int, n_frames: int) -> None:
    """A scrap of audio, or none, has a finite spectrogram."""
    mel = LogMel(80, CPU)(recording("short")[:samples], n_frames)
    assert mel.shape == (80, n_frames)
    assert mel.isfinite().all()


def test_encoder_is_that_of_transformers(example: Example, expected: ReferenceOutput) -> None:
    """In float32 the encoder's output for 30 s is that of transformers."""
    encoded = example.ours.encoder(example.mel)
    assert encoded.dtype == torch.float32
    assert encoded.shape == expected.encoded.shape
    assert largest(encoded - expected.encoded) < 1e-3


def test_logits_are_those_of_transformers(example: Example, expected: ReferenceOutput) -> None:
    """In float32 the logits after each of many tokens, read in one pass, are those of transformers."""
    assert example.output.logits.shape == expected.logits.shape
    assert largest(example.output.logits - expected.logits) < 1e-3
    some = example.ours.decoder(example.tokens, 0, example.ours.encode(example.mel), [0, 7, 3])
    assert largest(some.logits - expected.logits[[0, 7, 3]]) < 1e-3


def test_alignment_heads_are_those_of_transformers(example: Example, expected: ReferenceOutput) -> None:
    """In float32 the attention of the alignment heads is that of transformers, in the order of their layers."""
    assert example.output.attention.shape == expected.attention.shape
    assert largest(example.output.attention - expected.attention) < 1e-3


def test_tokens_one_at_a_time(example: Example) -> None:
    """Tokens that are read one at a time give the same output as in one pass."""
    cross_kv = example.ours.encode(example.mel)
    steps = [example.ours.decoder([token], i, cross_kv, [0]) for i, token in enumerate(example.tokens)]
    assert largest(torch.cat([s.logits for s in steps]) - example.output.logits) < 1e-3
    assert largest(torch.cat([s.attention for s in steps], dim=1) - example.output.attention) < 1e-3


@pytest.mark.parametrize("kept", [0, 1, 10])
def test_overwriting_earlier_tokens(base: Example, kept: int) -> None:
    """Tokens after the first ``n_past`` are overwritten: the result is that of a fresh pass."""
    decoder, cross_kv = base.ours.decoder, base.ours.encode(base.mel)
    wrong = [*base.tokens[:kept], *reversed(base.tokens[kept:])]
    decoder(wrong, 0, cross_kv, [0])
    at = kept + 5
    several = decoder(base.tokens[kept:at], kept, cross_kv, range(5))
    one = decoder([base.tokens[at]], at, cross_kv, [0])
    assert largest(several.logits - base.output.logits[kept:at]) < 1e-3
    assert largest(one.logits - base.output.logits[at]) < 1e-3


def test_another_window(base: Example) -> None:
    """A shorter window replaces the longer one before it."""
    mel = LogMel(80, CPU)(recording("short"), 600)
    used, fresh = base.ours.encode(base.mel), base.ours.encode(mel)
    used.set_window(base.ours.project_kv(base.ours.encoder(mel)))
    passes = [base.ours.decoder(base.tokens, 0, cross_kv, [9]) for cross_kv in (used, fresh)]
    assert passes[0].attention.shape[2] == 300
    assert torch.equal(passes[0].logits, passes[1].logits)


@pytest.mark.parametrize(
    ("encoder", "decoder", "encoder_error", "logit_error"),
    [
        (BF16, F32, 0.016, 0.08),
        (F32, BF16, 1e-9, 0.2),
        (INT8, F32, 0.045, 0.32),
        (F32, INT8, 1e-9, 1.0),
        (INT8, INT8, 0.045, 1.0),
    ],
)
def test_coarse_formats(
    base: Example, encoder: Precision, decoder: Precision, encoder_error: float, logit_error: float
) -> None:
    """In a coarse format the mean errors are small, and the next token is nearly always the same."""
    coarse = load(base.folder, base.config.alignment_heads, encoder, decoder)
    encoded, exact = coarse.encoder(base.mel), base.ours.encoder(base.mel)
    assert encoded.dtype == torch.float32
    output = coarse.read(base.mel, base.tokens)
    assert output.logits.dtype == torch.float32
    same = (output.logits.argmax(dim=1) == base.output.logits.argmax(dim=1)).float().mean()
    assert float((encoded - exact).abs().mean()) < encoder_error
    assert float((output.logits - base.output.logits).abs().mean()) < logit_error
    assert float(same) > 0.93
