"""The silent context of a window, compared with a window of 30 s that contains real silence."""

from pathlib import Path

import pytest
import torch
from transformers import WhisperTokenizerFast

from streamstt.audio.format import samples_from_ms
from streamstt.whisper.decoding.speculative import DecodeRequest, SpeculativeDecoder
from streamstt.whisper.log_mel import LogMel
from streamstt.whisper.network import encoder
from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.encoder import STRIDE, SilentContext
from streamstt.whisper.network.layers import MAX_POSITIONS
from streamstt.whisper.silent_context import FLOOR_STEP, SilentContexts
from tests.support.paths import DATA
from tests.support.reference_model import CPU, N_FRAMES, Example, largest, make_example
from tests.support.streaming import recording
from tests.support.word_errors import word_error_rate

LEAD_IN = LogMel(80, CPU)(recording("short")[samples_from_ms(1000) : samples_from_ms(2000)], 100)
WINDOW = 304  # positions


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Example:
    """whisper-base."""
    return make_example(base_folder)


@pytest.fixture
def contexts(base: Example) -> SilentContexts:
    """Without contexts yet."""
    return SilentContexts(base.config.dims, base.ours.encoder, base.ours.project_kv, LEAD_IN)


@pytest.fixture(params=[1, STRIDE])
def stride(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Silence that is complete, and as thinned as in use."""
    monkeypatch.setattr(encoder, "STRIDE", request.param)
    return int(request.param)


def decode(example: Example, cross_kv: CrossKV) -> str:
    """The text of greedy decoding."""
    decoder = SpeculativeDecoder(example.ours.decoder, example.config.token_filter, CPU)
    request = DecodeRequest(
        example.config.prompt("en", "transcribe"),
        0,
        [],
        [],
        max_new_tokens=200,
        audio_positions=MAX_POSITIONS,
        unfinished_positions=0,
    )
    return str(WhisperTokenizerFast.from_pretrained(example.folder).decode(decoder(request, cross_kv).tokens))


@pytest.mark.parametrize("name", ["short", "meeting"])
def test_silence_does_not_change_the_text(
    base: Example, contexts: SilentContexts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text with thinned silence is that with complete silence, and that of 30 s with real silence."""
    audio = recording(name)
    mel = LogMel(80, CPU)(audio, 2 * min(len(audio) // samples_from_ms(20) + 50, MAX_POSITIONS))
    thinned = decode(base, contexts.encode_window(mel))
    real = decode(base, base.ours.encode(LogMel(80, CPU)(audio, N_FRAMES)))
    monkeypatch.setattr(encoder, "STRIDE", 1)
    full = decode(
        base, SilentContexts(base.config.dims, base.ours.encoder, base.ours.project_kv, LEAD_IN).encode_window(mel)
    )
    assert word_error_rate(full, thinned) < 0.03
    assert word_error_rate(real, thinned) < 0.03
    assert word_error_rate((DATA / f"{name}.txt").read_text(), thinned) < 0.05


def test_silence_in_the_decoder(base: Example, stride: int) -> None:
    """Silence that the window covers is masked; a position that is kept counts for those that are not."""
    window = base.ours.project_kv(base.ours.encoder(base.mel[:, : 2 * WINDOW]))
    positions = torch.arange(stride // 2, MAX_POSITIONS, stride)
    silent = base.ours.project_kv(base.ours.encoder(torch.full_like(base.mel, float(base.mel.min()))))[
        :, :, :, positions
    ]
    thinned = CrossKV(base.config.dims, len(positions), CPU)
    # The last position that is kept may represent some after 30 s.
    repeated = CrossKV(base.config.dims, 0, CPU, max_window=stride * len(positions))
    thinned.set_silence(silent)
    thinned.set_window(window, SilentContext(positions, (), torch.empty(0)).attention_bias(WINDOW))
    repeated.set_window(torch.cat([window, silent.repeat_interleave(stride, dim=3)[:, :, :, WINDOW:]], dim=3))
    output, expected = (
        base.ours.decoder(base.tokens, 0, cross_kv, range(len(base.tokens))) for cross_kv in (thinned, repeated)
    )
    assert largest(output.logits - expected.logits) < 1e-3
    assert output.attention.shape[2] == WINDOW
    assert largest(output.attention - expected.attention[:, :, :WINDOW]) < 1e-3


def test_silence_in_the_encoder(base: Example, stride: int) -> None:
    """A window before silence that was encoded after the same window is encoded nearly as within 30 s."""
    floor = float(base.mel.min())
    mel = torch.cat([base.mel[:, : 2 * WINDOW], torch.full((80, N_FRAMES - 2 * WINDOW), floor)], dim=1)
    whole = base.ours.encoder(mel)
    silence = base.ours.encoder.encode_silence(mel[:, : 2 * WINDOW], floor)
    with_silence = base.ours.encoder(mel[:, : 2 * WINDOW], silence)
    alone = base.ours.encoder(mel[:, : 2 * WINDOW])
    error = float((with_silence - whole[:WINDOW]).abs().mean())
    assert error < {1: 0.047, STRIDE: 0.15}[stride]
    assert error < 0.6 * float((alone - whole[:WINDOW]).abs().mean())


@pytest.mark.parametrize("length", [51, 60, 1000, 1496, 1500])
def test_any_length(base: Example, contexts: SilentContexts, length: int) -> None:
    """Windows of any length up to 30 s are encoded; after 30 s no silence remains."""
    cross_kv = contexts.encode_window(base.mel[:, : 2 * length])
    output = base.ours.decoder(base.tokens, 0, cross_kv, [9])
    assert output.attention.shape[2] == length
    assert bool(output.logits.isfinite().all())
    if length == MAX_POSITIONS:
        assert largest(output.logits[0] - base.output.logits[9]) < 0.2  # the window's floor was rounded


@pytest.mark.parametrize("first", range(-15, 4))
def test_alternating_floors(base: Example, contexts: SilentContexts, first: int) -> None:
    """Each window has the silence of its own floor, whatever was encoded before."""
    mel = base.mel[:, :400]
    windows = [
        mel.clamp(min=step * FLOOR_STEP).index_fill(1, torch.tensor(399), step * FLOOR_STEP)
        for step in (first, first - 3)
    ]
    logits = []
    for i in (0, 1, 0, 0):
        cross_kv = contexts.encode_window(windows[i])
        logits.append(base.ours.decoder(base.tokens, 0, cross_kv, [9]).logits)
    assert largest(logits[0] - logits[2]) < 1e-4
    assert largest(logits[2] - logits[3]) < 1e-4
