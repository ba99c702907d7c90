"""Streamstt's forward pass with real weights, compared with that of transformers, and the error of coarse formats."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from streamstt.audio.format import samples_from_ms
from streamstt.whisper.log_mel import LogMel, silence_value
from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.linear import Precision
from tests.support.reference_model import (
    CPU,
    N_FRAMES,
    Example,
    OurModel,
    ReferenceOutput,
    largest,
    load,
    make_example,
    run_transformers,
)
from tests.support.streaming import recording

BF16, INT8 = Precision.BFLOAT16, Precision.INT8
SOME = 24  # tokens, where a part of them suffices


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Example:
    """whisper-base."""
    return make_example(base_folder)


@pytest.fixture(scope="module")
def expected(base: Example) -> ReferenceOutput:
    """The output of transformers for the same window and tokens."""
    model = WhisperForConditionalGeneration.from_pretrained(
        base.folder, dtype=torch.float32, attn_implementation="eager"
    )
    return run_transformers(model, base.mel, base.tokens, sorted(base.config.alignment_heads))


@dataclass(frozen=True)
class CoarseModel:
    """A model in a coarse format, and what its encoder returns for the window of the example."""

    format: Precision
    model: OurModel
    encoded: torch.Tensor


@pytest.fixture(scope="module", params=[BF16, INT8])
def coarse(request: pytest.FixtureRequest, base: Example) -> CoarseModel:
    """whisper-base in each of the coarse formats."""
    model = load(base.folder, base.config.alignment_heads, request.param, request.param)
    return CoarseModel(request.param, model, model.encoder(base.mel))


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
    assert largest(whole[:, 103:] - silence_value(4 * float(whole.max()) - 4)) < 1e-6
    assert float(whole.min()) == float(whole[0, -1])


@pytest.mark.parametrize("n_frames", [1, 2, 3])
@pytest.mark.parametrize("samples", [0, 1, 1000])
def test_hardly_any_spectrogram(samples: int, n_frames: int) -> None:
    """A scrap of audio, or none, has a finite spectrogram."""
    mel = LogMel(80, CPU)(recording("short")[:samples], n_frames)
    assert mel.shape == (80, n_frames)
    assert mel.isfinite().all()


def test_encoder_is_that_of_transformers(base: Example, expected: ReferenceOutput) -> None:
    """In float32 the encoder's output for 30 s is that of transformers."""
    assert base.encoded.dtype == torch.float32
    assert base.encoded.shape == expected.encoded.shape
    assert largest(base.encoded - expected.encoded) < 1e-3


def test_logits_are_those_of_transformers(base: Example, expected: ReferenceOutput) -> None:
    """In float32 the logits after each of many tokens, read in one pass, are those of transformers."""
    assert base.output.logits.shape == expected.logits.shape
    assert largest(base.output.logits - expected.logits) < 1e-3
    some = base.ours.decoder(base.tokens, 0, base.cross_kv, [0, 7, 3])
    assert largest(some.logits - expected.logits[[0, 7, 3]]) < 1e-3


def test_alignment_heads_are_those_of_transformers(base: Example, expected: ReferenceOutput) -> None:
    """In float32 the attention of the alignment heads is that of transformers, in the order of their layers."""
    assert base.output.attention.shape == expected.attention.shape
    assert largest(base.output.attention - expected.attention) < 1e-3


def test_tokens_one_at_a_time(base: Example) -> None:
    """Tokens that are read one at a time give the same output as in one pass."""
    steps = [base.ours.decoder([token], i, base.cross_kv, [0]) for i, token in enumerate(base.tokens[:SOME])]
    assert largest(torch.cat([s.logits for s in steps]) - base.output.logits[:SOME]) < 1e-3
    assert largest(torch.cat([s.attention for s in steps], dim=1) - base.output.attention[:, :SOME]) < 1e-3


@pytest.mark.parametrize("kept", [0, 1, 10])
def test_overwriting_earlier_tokens(base: Example, kept: int) -> None:
    """Tokens after the first ``n_past`` are overwritten: the result is that of a fresh pass."""
    decoder, tokens = base.ours.decoder, base.tokens[:SOME]
    wrong = [*tokens[:kept], *reversed(tokens[kept:])]
    decoder(wrong, 0, base.cross_kv, [0])
    at = kept + 5
    several = decoder(tokens[kept:at], kept, base.cross_kv, range(5))
    one = decoder([tokens[at]], at, base.cross_kv, [0])
    assert largest(several.logits - base.output.logits[kept:at]) < 1e-3
    assert largest(one.logits - base.output.logits[at]) < 1e-3


def test_another_window(base: Example) -> None:
    """A shorter window replaces the longer one before it."""
    kv = base.ours.project_kv(base.ours.encoder(LogMel(80, CPU)(recording("short"), 600)))
    used, fresh = base.ours.to_cross_kv(base.encoded), CrossKV(base.ours.dims, 0, CPU)
    used.set_window(kv)
    fresh.set_window(kv)
    passes = [base.ours.decoder(base.tokens[:SOME], 0, cross_kv, [9]) for cross_kv in (used, fresh)]
    assert passes[0].attention.shape[2] == 300
    assert torch.equal(passes[0].logits, passes[1].logits)


def test_coarse_encoder(base: Example, coarse: CoarseModel) -> None:
    """In a coarse format the mean error of the encoder is small."""
    assert coarse.encoded.dtype == torch.float32
    assert float((coarse.encoded - base.encoded).abs().mean()) < {BF16: 0.016, INT8: 0.045}[coarse.format]


@pytest.mark.parametrize(
    ("part", "logit_errors"),
    [
        ("encoder", {BF16: 0.08, INT8: 0.32}),
        ("decoder", {BF16: 0.2, INT8: 1.0}),
        ("both", {BF16: 0.2, INT8: 1.0}),
    ],
)
def test_coarse_logits(base: Example, coarse: CoarseModel, part: str, logit_errors: dict[Precision, float]) -> None:
    """With a part of the model in a coarse format the logits' mean error is small, and nearly all tokens are right."""
    cross_kv = base.cross_kv if part == "decoder" else coarse.model.to_cross_kv(coarse.encoded)
    reader = base.ours if part == "encoder" else coarse.model
    logits = reader.read_encoded(cross_kv, base.tokens).logits
    assert logits.dtype == torch.float32
    assert float((logits - base.output.logits).abs().mean()) < logit_errors[coarse.format]
    assert float((logits.argmax(dim=1) == base.output.logits.argmax(dim=1)).float().mean()) > 0.93
