"""The silent context of a window, compared with a window of 30 s that contains real silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import WhisperTokenizerFast

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.whisper import silent_context
from streamstt.whisper.checkpoints.layout import read_json
from streamstt.whisper.checkpoints.weights import Weights
from streamstt.whisper.decoding.speculative import DecodeRequest, SpeculativeDecoder
from streamstt.whisper.log_mel import LogMel, scale
from streamstt.whisper.network import encoder
from streamstt.whisper.network.decoder import CrossKV
from streamstt.whisper.network.encoder import STRIDE, Encoder, SilentContext
from streamstt.whisper.network.layers import MAX_POSITIONS, ModelDimensions
from streamstt.whisper.network.linear import Precision
from streamstt.whisper.network.precision import PrecisionPlan
from streamstt.whisper.silent_context import SilentContexts, nearest_floor
from streamstt.whisper.window_encoder import WindowEncoder
from tests.support.paths import DATA
from tests.support.reference_model import CPU, N_FRAMES, Example, largest, make_example
from tests.support.streaming import recording
from tests.support.word_errors import word_error_rate

LEAD_IN = LogMel(80, CPU)(recording("short")[samples_from_ms(1000) : samples_from_ms(2000)], 100)
WINDOW = 304  # positions


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Example:
    """whisper-tiny.en."""
    return make_example(tiny_folder)


@dataclass(frozen=True)
class Beginning:
    """The beginning of the example's window, encoded by whisper-base within 30 s with real silence, and alone."""

    encoder: Encoder
    mel: torch.Tensor
    whole: torch.Tensor
    alone: torch.Tensor


@pytest.fixture(scope="module")
def beginning(tiny: Example, base_folder: Path) -> Beginning:
    """Made once: whisper-base needs a second for 30 s."""
    dims = ModelDimensions.from_config(read_json(base_folder / "config.json"))
    base = Encoder(Weights(base_folder), dims, PrecisionPlan(Precision.FLOAT32, Precision.FLOAT32), CPU)
    mel = tiny.mel[:, : 2 * WINDOW]
    silence = torch.full((80, N_FRAMES - 2 * WINDOW), float(mel.min()))
    return Beginning(base, mel, base(torch.cat([mel, silence], dim=1))[:WINDOW], base(mel))


@pytest.fixture
def windows(tiny: Example) -> WindowEncoder:
    """Without silence yet."""
    return make_windows(tiny)


@pytest.fixture(params=[1, STRIDE])
def stride(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Silence that is complete, and as thinned as in use."""
    monkeypatch.setattr(encoder, "STRIDE", request.param)
    return int(request.param)


def make_windows(example: Example) -> WindowEncoder:
    silent_contexts = SilentContexts(example.ours.encoder, example.ours.project_kv, LEAD_IN)
    return WindowEncoder(example.ours.network, LogMel(80, CPU), silent_contexts)


def decode(example: Example, cross_kv: CrossKV, draft: Sequence[int] = ()) -> list[int]:
    """The tokens of greedy decoding; a draft only saves time."""
    decoder = SpeculativeDecoder(example.ours.decoder, example.config.token_filter, CPU)
    request = DecodeRequest(
        example.config.prompt("en", "transcribe"),
        0,
        [],
        list(draft),
        max_new_tokens=200,
        audio_positions=MAX_POSITIONS,
        unfinished_positions=0,
    )
    return decoder(request, cross_kv).tokens


@pytest.mark.parametrize("name", ["short", "meeting"])
def test_silence_does_not_change_the_text(tiny: Example, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text with thinned silence is that with complete silence, and that of 30 s with real silence."""
    audio = recording(name)[: samples_from_ms(10_400)]  # up to two sentences
    length = min(len(audio) // samples_from_ms(20) + 50, MAX_POSITIONS)
    thinned = decode(tiny, make_windows(tiny)(audio, length))
    real = decode(tiny, tiny.ours.encode(LogMel(80, CPU)(audio, N_FRAMES)), thinned)
    monkeypatch.setattr(encoder, "STRIDE", 1)
    full = decode(tiny, make_windows(tiny)(audio, length), thinned)
    tokenizer = WhisperTokenizerFast.from_pretrained(tiny.folder)
    text = str(tokenizer.decode(thinned))
    assert word_error_rate(str(tokenizer.decode(full)), text) < 0.03
    assert word_error_rate(str(tokenizer.decode(real)), text) < 0.03
    spoken = " ".join((DATA / f"{name}.txt").read_text().splitlines()[:2])
    assert word_error_rate(spoken, text) < 0.05


def test_silence_in_the_decoder(tiny: Example, stride: int) -> None:
    """Silence that the window covers is masked; a position that is kept counts for those that are not."""
    window = tiny.ours.project_kv(tiny.ours.encoder(tiny.mel[:, : 2 * WINDOW]))
    positions = torch.arange(stride // 2, MAX_POSITIONS, stride)
    silent = tiny.ours.project_kv(tiny.encoded)[:, :, :, positions]  # whatever is heard in it
    thinned = CrossKV(tiny.config.dims, len(positions), CPU)
    # The last position that is kept may represent some after 30 s.
    repeated = CrossKV(tiny.config.dims, 0, CPU, max_window=stride * len(positions))
    thinned.set_silence(silent)
    thinned.set_window(window, SilentContext(positions, (), torch.empty(0)).attention_bias(WINDOW))
    repeated.set_window(torch.cat([window, silent.repeat_interleave(stride, dim=3)[:, :, :, WINDOW:]], dim=3))
    output, expected = (tiny.ours.read_encoded(cross_kv, tiny.tokens) for cross_kv in (thinned, repeated))
    assert largest(output.logits - expected.logits) < 1e-3
    assert output.attention.shape[2] == WINDOW
    assert largest(output.attention - expected.attention[:, :, :WINDOW]) < 1e-3


def test_silence_in_the_encoder(beginning: Beginning, stride: int) -> None:
    """A window before silence that was encoded after the same window is encoded nearly as within 30 s."""
    silence = beginning.encoder.encode_silence(beginning.mel, float(beginning.mel.min()))
    error = float((beginning.encoder(beginning.mel, silence) - beginning.whole).abs().mean())
    assert error < {1: 0.047, STRIDE: 0.15}[stride]
    assert error < 0.6 * float((beginning.alone - beginning.whole).abs().mean())


@pytest.mark.parametrize("length", [51, 60, 1000, 1496, 1500])
def test_any_length(tiny: Example, windows: WindowEncoder, length: int) -> None:
    """Windows of any length up to 30 s are encoded; after 30 s no silence remains."""
    audio = recording("meeting")[: length * samples_from_ms(20)]
    for cross_kv in (windows(audio, length), windows.encode_next("test", audio, length)):
        output = tiny.ours.decoder(tiny.tokens[:10], 0, cross_kv, [9])
        assert output.attention.shape[2] == length
        assert bool(output.logits.isfinite().all())
        if length == MAX_POSITIONS:
            assert largest(output.logits[0] - tiny.output.logits[9]) < 0.2  # the window's floor was rounded


@pytest.mark.parametrize(("first", "kept"), [(-15, 8), (-8, 1), (-3, 8), (-1, 1), (0, 8), (1, 1), (3, 8)])
def test_alternating_floors(
    tiny: Example, windows: WindowEncoder, first: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each window has the silence of its own floor, whatever was encoded before, and however many floors are kept."""
    monkeypatch.setattr(silent_context, "MAX_CONTEXTS", kept)
    audio = recording("meeting")[: 200 * samples_from_ms(20)]
    quiet, loud = (audio * 10.0 ** (0.2 * step) for step in (first / 10, first / 10 + 3))
    expected = [encode_afresh(tiny, samples) for samples in (quiet, loud)]
    for i in (0, 1, 0, 0):
        cross_kv = windows.encode_next("test", (quiet, loud)[i], 200)
        logits, of_afresh = (tiny.ours.decoder(tiny.tokens[:10], 0, kv, [9]).logits for kv in (cross_kv, expected[i]))
        assert largest(logits - of_afresh) < 1e-4


def encode_afresh(example: Example, audio: Samples) -> CrossKV:
    """Keys and values of a window of 4 s, and of silence with its floor."""
    ours = example.ours
    mel = LogMel(80, CPU)(audio, 400)
    floor = nearest_floor(float(mel.min()))
    silence = ours.encoder.encode_silence(LEAD_IN.clamp(min=floor), floor)
    levels = LogMel(80, CPU).levels(audio, 400)
    encoded = ours.encoder(scale(levels, floor), silence)
    cross_kv = CrossKV(ours.dims, len(silence.positions), CPU)
    cross_kv.set_silence(ours.project_kv(silence.encoded))
    cross_kv.set_window(ours.project_kv(encoded), silence.attention_bias(len(encoded)))
    return cross_kv
