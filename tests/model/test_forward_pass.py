"""Our forward pass with real weights against that of transformers, and what its shortcuts cost."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from comparing import CPU, Ours, Said, largest, load, transformers_say
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast
from wer import word_error_rate

from streamstt.audio.format import Samples, ms
from streamstt.whisper import silence
from streamstt.whisper.decoder import Greedy, Task
from streamstt.whisper.linear import Precision
from streamstt.whisper.mel import LogMel, floor_of
from streamstt.whisper.model import POSITIONS, Memory, Pass, Shape
from streamstt.whisper.settings import Speaking, read_settings

DATA = Path(__file__).parent.parent / "data"
COLUMNS = 2 * POSITIONS
POSITION = ms(20)  # samples
F32, BF16, INT8 = Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8


def recording(name: str) -> Samples:
    samples, rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    assert rate == 16000
    return samples


@dataclass(frozen=True)
class Reading:
    """A model, a window, what is said in it, and what float32 makes of that."""

    folder: Path
    speaking: Speaking
    mel: torch.Tensor
    tokens: list[int]
    ours: Ours
    read: Pass


def reading_of(folder: Path) -> Reading:
    speaking = read_settings(folder)
    tokenizer = WhisperTokenizerFast.from_pretrained(folder)
    text = " " + " ".join((DATA / "meeting.txt").read_text().split())
    tokens = [*speaking.prompt("en", "transcribe"), *tokenizer(text, add_special_tokens=False).input_ids]
    mel = LogMel(speaking.shape.n_mels, CPU)(recording("meeting"), COLUMNS)
    ours = load(folder, speaking.alignment_heads)
    return Reading(folder, speaking, mel, tokens, ours, ours.read(mel, tokens))


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
    audio = recording("meeting")[ms(1000) : ms(2000)]
    mel, whole = LogMel(80, CPU)(audio, columns), LogMel(80, CPU)(audio, COLUMNS)
    assert mel.shape == (80, columns)
    assert largest(mel - whole[:, :columns]) < 1e-4
    assert largest(whole[:, 103:] - floor_of(float(whole.max()))) < 1e-6
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
    used.put_window(base.ours.cross(base.ours.encoder(mel)))
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


def behind(window: torch.Tensor, silent: torch.Tensor, stride: int, shape: Shape) -> Memory:
    """A memory of the window with thinned silence behind it."""
    memory = Memory(shape, stride, CPU)
    memory.put_silence(memory.thin(silent))
    memory.put_window(window)
    return memory


@pytest.mark.parametrize("stride", [1, 8])
def test_silence_behind_a_window(base: Reading, stride: int) -> None:
    """The window hides the silence that it covers, and a silent position that is kept counts for those that are not."""
    window = base.ours.cross(base.ours.encoder(base.mel[:, :608]))
    silent = base.ours.cross(base.ours.encoder(torch.full_like(base.mel, float(base.mel.min()))))
    alike = silent[:, :, :, stride // 2 :: stride].repeat_interleave(stride, dim=3)  # up to 1496 of 1500 positions
    plain = Memory(base.speaking.shape, 0, CPU)
    plain.put_window(torch.cat([window, alike[:, :, :, 304:]], dim=3))
    expected = base.ours.decoder(base.tokens, 0, plain, range(len(base.tokens)))
    memory = behind(window, silent, stride, base.speaking.shape)
    read = base.ours.decoder(base.tokens, 0, memory, range(len(base.tokens)))
    assert largest(read.logits - expected.logits) < 1e-3
    assert read.attention.shape[2] == 304
    assert largest(read.attention - expected.attention[:, :, :304]) < 1e-3


def write(reading: Reading, memory: Memory) -> str:
    """The greedy text."""
    greedy = Greedy(reading.ours.decoder, reading.speaking.rules, CPU)
    task = Task(reading.speaking.prompt("en", "transcribe"), [], [], limit=200, stop=POSITIONS)
    return str(WhisperTokenizerFast.from_pretrained(reading.folder).decode(greedy(task, memory).tokens))


@pytest.fixture(scope="module")
def silences(base: Reading) -> dict[int, silence.Silences]:
    """Silence in full, and thinned out as it is used."""

    @cache
    def hear(floor: float) -> torch.Tensor:
        return base.ours.cross(base.ours.encoder(torch.full((80, COLUMNS), floor)))

    made = {}
    for stride in (1, silence.STRIDE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(silence, "STRIDE", stride)
            made[stride] = silence.Silences(base.speaking.shape, lambda mel: hear(float(mel[0, 0])), CPU)
    return made


@pytest.mark.parametrize("name", ["short", "meeting", "long_sentence"])
def test_thinned_silence(base: Reading, silences: dict[int, silence.Silences], name: str) -> None:
    """Thinned silence gives the text that all of it gives, and that 30 s with real silence in them give."""
    audio = recording(name)
    columns = 2 * min(len(audio) // POSITION + 50, POSITIONS)
    texts = {}
    for stride, made in silences.items():
        mel, memory = made.under(LogMel(80, CPU)(audio, columns))
        memory.put_window(base.ours.cross(base.ours.encoder(mel)))
        texts[stride] = write(base, memory)
    whole = write(base, base.ours.hear(LogMel(80, CPU)(audio, COLUMNS)))
    assert word_error_rate(texts[1], texts[silence.STRIDE]) < 0.03
    assert word_error_rate(whole, texts[silence.STRIDE]) < 0.03


@pytest.mark.parametrize("lowest", [-1.5, -0.83, -0.6, -0.5, -0.1, 0.4])
def test_known_floors(base: Reading, silences: dict[int, silence.Silences], lowest: float) -> None:
    """A window is raised to one of the floors, by as little as there is; one whose floor is higher stays as it is."""
    mel = torch.linspace(lowest, 1.5, 100).expand(80, 100)
    raised, _ = silences[silence.STRIDE].under(mel)
    floor = next((f for f in sorted(silence.FLOORS) if f >= lowest - 0.05), None)
    assert torch.equal(raised, mel if floor is None else mel.clamp(min=floor))


def test_silence_of_the_floor(base: Reading, silences: dict[int, silence.Silences]) -> None:
    """Windows take turns, and each has the silence of its own floor behind it, whatever came before."""
    window = base.ours.cross(base.ours.encoder(base.mel[:, :600]))
    said = []
    for floor in (-0.2, -0.6, -0.2, -0.6, -0.6):
        _, memory = silences[silence.STRIDE].under(torch.tensor([[floor, 1.5]]))
        memory.put_window(window)
        said.append(base.ours.decoder(base.tokens, 0, memory, [9]).logits)
    assert torch.equal(said[0], said[2])
    assert torch.equal(said[1], said[3])
    assert torch.equal(said[1], said[4])
    assert largest(said[0] - said[1]) > 1e-3
