"""The measurements behind ``streamstt bench``: of this machine, and of a recording."""

import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Never
from typing import Any

import numpy as np

from streamstt.audio.format import SAMPLE_RATE, Samples, samples_from_ms
from streamstt.audio.sources import AudioFile
from streamstt.bench.faster_whisper import FileTranscript, find_model, run_faster_whisper
from streamstt.bench.figures import Normalizer, Reference, compute_figures, error_rate, mean_and_range, normalized_words
from streamstt.bench.scoring import percentile
from streamstt.bench.simulation import simulate
from streamstt.config.settings import Settings
from streamstt.engine.base import Engine, Job
from streamstt.recordings.transcribe import transcribe
from streamstt.samples import welcome
from streamstt.whisper import speed
from streamstt.whisper.network import precision
from streamstt.whisper.network.layers import ModelDimensions
from streamstt.whisper.streaming import StreamingEngine

BenchResult = dict[str, Any]
SOURCE_OFFSET_MS = 370  # ms between sources that say the same: no common measure with the updates
MAX_CORE_SHARE = 0.85  # share of one core that the engine's thread may take: the rest is for bursts
MAX_UPDATE_S = 2.0  # s: an update that takes longer is no live caption


@dataclass(frozen=True, slots=True)
class Plan:
    """How a recording is measured.

    Attributes:
        audio: The recording.
        reference: Its text, or None.
        words: Its words with times, or None.
        sources: So many say it at once.
        offsets: So many runs, each with a little more cut off the beginning.
        decode_s: Every decode takes so long on the clock; 0: as long as it takes.
        compare: A model for faster-whisper, or empty.
    """

    audio: Path
    reference: Path | None = None
    words: Path | None = None
    sources: int = 1
    offsets: int = 1
    decode_s: float = 0
    compare: str = ""


def measure_machine(
    settings: Settings, engine: Engine, report_stage: Callable[[str], None] = lambda _: None
) -> BenchResult:
    """How fast this machine is: the configured model by a recording, other sizes by estimates.

    Args:
        settings: In force.
        engine: The configured one, loaded.
        report_stage: Told what is measured next.

    Raises:
        EngineError: The engine failed.
    """
    report_stage("a recording")
    samples = read_recording(welcome())
    simulate([samples[: samples_from_ms(4000)]], engine, settings.speech, "en")  # the first decodes prepare
    run = simulate([samples], engine, settings.speech, "en")
    update, cpu = statistics.median(run.decode_times), run.cpu_s / run.audio_s
    measured = {
        "update_s": update,
        "update_p95_s": percentile(run.decode_times, 0.95),
        "utterance_s": _time_utterance(samples, engine),
        "cpu_s_per_s": cpu,
        **_capacity(update, cpu),
    }
    layers: dict[ModelDimensions, speed.LayerTimings] = {}

    def estimate(shape: ModelDimensions) -> BenchResult:
        kind = speed.layer_key(shape)
        if kind not in layers:
            layers[kind] = speed.measure_layers(
                shape, settings.engine.encoder, settings.engine.decoder, settings.engine.threads
            )
        return _stage_times(layers[kind].estimate(shape))

    if isinstance(engine, StreamingEngine) and engine.info.device == "cpu":
        shape = engine.network[0]
        report_stage("its parts")
        measured["parts"] = _stage_times(speed.measure(engine, settings.engine.threads))
        measured["estimated"] = estimate(shape)
        measured["formats_s"] = precision.measure(shape)
    sizes = []
    for name, shape in speed.SIZES.items():
        report_stage(name)
        parts = estimate(shape)
        cpu = parts["update_s"] * 1000 / settings.speech.update_ms
        sizes.append({"model": name, **parts, "cpu_s_per_s": cpu, **_capacity(parts["update_s"], cpu)})
    about = {"machine": platform.processor() or platform.machine(), **_engine_info(engine)}
    return {**about, "measured": measured, "sizes": sizes}


def _time_utterance(samples: Samples, engine: Engine) -> float:
    """Seconds that eight seconds of speech take when nothing of them was heard before."""
    job = Job("bench", 0, samples[: samples_from_ms(8000)], final=True, language="en")
    begun = time.perf_counter()
    engine.decode(job)
    return time.perf_counter() - begun


def _stage_times(timed: speed.Speed) -> BenchResult:
    return {
        "precision": timed.formats,
        "encoder_s": list(timed.encoder),
        "read_s": timed.prefill,
        "say_s": timed.step,
        "update_s": timed.update,
    }


def measure_recording(plan: Plan, settings: Settings, engine: Engine, normalize: Normalizer) -> BenchResult:
    """Figures of a recording.

    Args:
        plan: What to measure.
        settings: In force.
        engine: Loaded.
        normalize: Text to words as they are counted.

    Raises:
        SourceError: A file cannot be read.
        EngineError: The engine failed.
        ConfigError: There is nothing to compare with.
    """
    language = None if settings.engine.language == "auto" else settings.engine.language
    peer = find_model(plan.compare) if plan.compare else ""  # before minutes of measuring
    reference = Reference.read(plan.reference, plan.words, normalize)
    samples = read_recording(plan.audio)
    simulate([samples[: samples_from_ms(4000)]], engine, settings.speech, language)  # the first decodes prepare
    runs, heard = [], []
    for k in range(plan.offsets):
        cut = samples_from_ms(settings.speech.update_ms * k // plan.offsets)
        later = [
            np.concatenate([np.zeros(samples_from_ms(SOURCE_OFFSET_MS * i), np.float32), samples[cut:]])
            for i in range(plan.sources)
        ]
        run = simulate(later, engine, settings.speech, language, plan.decode_s, settings.words)
        late_by = [SOURCE_OFFSET_MS * i / 1000 - cut / SAMPLE_RATE for i in range(plan.sources)]
        runs.append(compute_figures(run, reference, normalize, late_by))
        heard += [normalized_words([final for _, final in track.finals], normalize) for track in run.traces]
    seconds = len(samples) / SAMPLE_RATE
    result = {**_engine_info(engine), "audio_s": seconds, "sources": plan.sources}
    result["delays_from"] = "words" if reference and reference.timed_words else "captions"
    result["figures"] = runs[0] if len(runs) == 1 else mean_and_range(runs)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    files = _transcribe_file(plan, settings, engine, language, peer)
    whole = normalize(files[0].text)
    result["differs_from_file"] = statistics.mean(error_rate(whole, said) for said in heard)
    result["offline"] = [
        {
            "program": file.program,
            "cpu_s_per_s": file.cpu_s / seconds,
            "wer": error_rate(reference.text, normalize(file.text)) if reference else None,
        }
        for file in files
    ]
    return result


def _transcribe_file(
    plan: Plan, settings: Settings, engine: Engine, language: str | None, peer: str
) -> list[FileTranscript]:
    """The recording as a file, by ``transcribe`` and by the peer that is asked for."""
    begun = time.process_time()
    finals = transcribe(plan.audio, engine, settings.speech, language, words=settings.words)
    text = " ".join(final.text for final in finals)
    done = [FileTranscript("streamstt transcribe", text, time.process_time() - begun)]
    if peer:
        done.append(run_faster_whisper(plan.audio, peer, language, settings.engine.threads or 1))
    return done


def read_recording(path: Path) -> Samples:
    """A whole recording, shape (n,), 16 kHz, mono.

    Raises:
        SourceError: It cannot be read.
    """
    file = AudioFile(path, fast=True)
    file.open()
    try:
        blocks = []
        while block := file.read(Never()):
            blocks.append(block.samples)
    finally:
        file.close()
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _engine_info(engine: Engine) -> BenchResult:
    return {"model": engine.info.model, "precision": engine.info.precision}


def _capacity(update_s: float, cpu: float) -> BenchResult:
    """How many sources fit, and in words."""
    sources = int(MAX_CORE_SHARE / cpu)
    if sources:
        return {"sources": sources, "verdict": f"{sources} sources" if sources > 1 else "1 source"}
    if update_s <= MAX_UPDATE_S:
        return {"sources": 1, "verdict": f"1 source, every {update_s:.1f} s"}
    return {"sources": 0, "verdict": "too slow"}
