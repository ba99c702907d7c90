"""The silence that stands behind a window, against 30 s that have real silence in them."""

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
from tests.support.reference_model import COLUMNS, CPU, DATA, Reading, largest, reading_of, recording
from tests.support.word_errors import word_error_rate

LEAD = LogMel(80, CPU)(recording("short")[samples_from_ms(1000) : samples_from_ms(2000)], 100)
WINDOW = 304  # positions


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Reading:
    """whisper-base."""
    return reading_of(base_folder)


@pytest.fixture
def silences(base: Reading) -> SilentContexts:
    """Nothing heard yet."""
    return SilentContexts(base.speaking.dims, base.ours.encoder, base.ours.cross, LEAD)


@pytest.fixture(params=[1, STRIDE])
def stride(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """All of the silence, and as much as is used."""
    monkeypatch.setattr(encoder, "STRIDE", request.param)
    return int(request.param)


def write(reading: Reading, memory: CrossKV) -> str:
    """The greedy text."""
    greedy = SpeculativeDecoder(reading.ours.decoder, reading.speaking.token_filter, CPU)
    task = DecodeRequest(
        reading.speaking.prompt("en", "transcribe"),
        0,
        [],
        [],
        max_new_tokens=200,
        audio_positions=MAX_POSITIONS,
        unfinished_positions=0,
    )
    return str(WhisperTokenizerFast.from_pretrained(reading.folder).decode(greedy(task, memory).tokens))


@pytest.mark.parametrize("name", ["short", "meeting"])
def test_silence_does_not_change_the_text(
    base: Reading, silences: SilentContexts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thinned silence gives the text that all of it gives, and that 30 s with real silence in them give."""
    audio = recording(name)
    mel = LogMel(80, CPU)(audio, 2 * min(len(audio) // samples_from_ms(20) + 50, MAX_POSITIONS))
    thinned = write(base, silences.encode_window(mel))
    real = write(base, base.ours.hear(LogMel(80, CPU)(audio, COLUMNS)))
    monkeypatch.setattr(encoder, "STRIDE", 1)
    full = write(base, SilentContexts(base.speaking.dims, base.ours.encoder, base.ours.cross, LEAD).encode_window(mel))
    assert word_error_rate(full, thinned) < 0.03
    assert word_error_rate(real, thinned) < 0.03
    assert word_error_rate((DATA / f"{name}.txt").read_text(), thinned) < 0.05


def test_the_decoder_sees_silence(base: Reading, stride: int) -> None:
    """A window hides the silence that it covers, and a silent position that is kept counts for those that are not."""
    window = base.ours.cross(base.ours.encoder(base.mel[:, : 2 * WINDOW]))
    places = torch.arange(stride // 2, MAX_POSITIONS, stride)
    silent = base.ours.cross(base.ours.encoder(torch.full_like(base.mel, float(base.mel.min()))))[:, :, :, places]
    memory = CrossKV(base.speaking.dims, len(places), CPU)
    plain = CrossKV(
        base.speaking.dims, 0, CPU, max_window=stride * len(places)
    )  # the last may stand for some behind 30 s
    memory.set_silence(silent)
    memory.set_window(window, SilentContext(places, (), torch.empty(0)).attention_bias(WINDOW))
    plain.set_window(torch.cat([window, silent.repeat_interleave(stride, dim=3)[:, :, :, WINDOW:]], dim=3))
    read, expected = (base.ours.decoder(base.tokens, 0, m, range(len(base.tokens))) for m in (memory, plain))
    assert largest(read.logits - expected.logits) < 1e-3
    assert read.attention.shape[2] == WINDOW
    assert largest(read.attention - expected.attention[:, :, :WINDOW]) < 1e-3


def test_the_encoder_hears_silence(base: Reading, stride: int) -> None:
    """A window before silence that was heard after the same window sounds much as it does in 30 s."""
    floor = float(base.mel.min())
    mel = torch.cat([base.mel[:, : 2 * WINDOW], torch.full((80, COLUMNS - 2 * WINDOW), floor)], dim=1)
    whole = base.ours.encoder(mel)
    silence = base.ours.encoder.encode_silence(mel[:, : 2 * WINDOW], floor)
    heard = base.ours.encoder(mel[:, : 2 * WINDOW], silence)
    alone = base.ours.encoder(mel[:, : 2 * WINDOW])
    error = float((heard - whole[:WINDOW]).abs().mean())
    assert error < {1: 0.047, STRIDE: 0.15}[stride]
    assert error < 0.6 * float((alone - whole[:WINDOW]).abs().mean())


@pytest.mark.parametrize("length", [51, 60, 1000, 1496, 1500])
def test_any_length(base: Reading, silences: SilentContexts, length: int) -> None:
    """Windows of any length up to 30 s are heard; in 30 s there is no silence left."""
    memory = silences.encode_window(base.mel[:, : 2 * length])
    read = base.ours.decoder(base.tokens, 0, memory, [9])
    assert read.attention.shape[2] == length
    assert bool(read.logits.isfinite().all())
    if length == MAX_POSITIONS:
        assert largest(read.logits[0] - base.read.logits[9]) < 0.2  # the window's floor was rounded


@pytest.mark.parametrize("first", range(-15, 4))
def test_floors_take_turns(base: Reading, silences: SilentContexts, first: int) -> None:
    """Each window has the silence of its own floor behind it, whatever was heard before, or nothing."""
    mel = base.mel[:, :400]
    windows = [
        mel.clamp(min=step * FLOOR_STEP).index_fill(1, torch.tensor(399), step * FLOOR_STEP)
        for step in (first, first - 3)
    ]
    said = []
    for i in (0, 1, 0, 0):
        memory = silences.encode_window(windows[i])
        said.append(base.ours.decoder(base.tokens, 0, memory, [9]).logits)
    assert largest(said[0] - said[2]) < 1e-4
    assert largest(said[2] - said[3]) < 1e-4
