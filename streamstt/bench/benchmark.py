"""The measurements of ``streamstt bench``: of this machine, and of a recording. Prints nothing."""

import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from streamstt.audio.format import SAMPLE_RATE, Samples, samples_from_ms
from streamstt.audio.sources import AudioFile
from streamstt.bench.faster_whisper import FileTranscript, find_model, run_faster_whisper
from streamstt.bench.figures import Normalizer, Reference, compute_figures, error_rate, mean_and_range, normalized_words
from streamstt.bench.limits import MAX_CORE_SHARE, MAX_UPDATE_S
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
SOURCE_OFFSET_MS = 370  # ms between sources that play the same recording; not a multiple of the update interval


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure a recording.

    Attributes:
        audio: The recording.
        reference: File with its text, or None.
        words: File with its words and their times, or None.
        sources: Number of simultaneous sources that play it.
        offsets: Number of runs, each with a little more cut off the beginning.
        decode_s: Seconds that every decode takes on the simulated clock; 0: as long as it really takes.
        compare: Model for a comparison with faster-whisper, or empty.
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
    """Measures how fast this machine is: the configured model with a recording, other sizes by estimates.

    Args:
        settings: The effective settings.
        engine: The configured engine, loaded.
        report_stage: Called with what is measured next.

    Raises:
        EngineError: The engine failed.
    """
    report_stage("a recording")
    samples = read_recording(welcome())
    simulate([samples[: samples_from_ms(4000)]], engine, settings.speech, "en")  # warm up
    run = simulate([samples], engine, settings.speech, "en")
    update_s, cpu_s_per_s = statistics.median(run.decode_times), run.cpu_s / run.audio_s
    measured = {
        "update_s": update_s,
        "update_p95_s": percentile(run.decode_times, 0.95),
        "utterance_s": _time_utterance(samples, engine),
        "cpu_s_per_s": cpu_s_per_s,
        **_capacity(update_s, cpu_s_per_s),
    }
    layers: dict[ModelDimensions, speed.LayerTimings] = {}

    def estimate(dims: ModelDimensions) -> BenchResult:
        key = speed.layer_key(dims)
        if key not in layers:
            config = settings.engine
            layers[key] = speed.measure_layers(dims, config.encoder, config.decoder, config.threads)
        return _stage_times(layers[key].estimate(dims))

    if isinstance(engine, StreamingEngine) and engine.info.device == "cpu":
        dims = engine.network.dims
        report_stage("its parts")
        measured["parts"] = _stage_times(speed.measure(engine, settings.engine.threads))
        measured["estimated"] = estimate(dims)
        measured["formats_s"] = precision.measure(dims)
    sizes = []
    for name, dims in speed.SIZES.items():
        report_stage(name)
        parts = estimate(dims)
        cpu_s_per_s = parts["update_s"] * 1000 / settings.speech.update_ms
        capacity = _capacity(parts["update_s"], cpu_s_per_s)
        sizes.append({"model": name, **parts, "cpu_s_per_s": cpu_s_per_s, **capacity})
    about = {"machine": platform.processor() or platform.machine(), **_engine_info(engine)}
    return {**about, "measured": measured, "sizes": sizes}


def _time_utterance(samples: Samples, engine: Engine) -> float:
    """Returns the seconds that a decode of 8 s of speech takes without a draft or committed words."""
    job = Job("bench", 0, samples[: samples_from_ms(8000)], final=True, language="en")
    start = time.perf_counter()
    engine.decode(job)
    return time.perf_counter() - start


def _stage_times(times: speed.Speed) -> BenchResult:
    return {
        "precision": times.formats,
        "encoder_s": list(times.encoder),
        "read_s": times.prefill,
        "say_s": times.step,
        "update_s": times.update,
    }


def measure_recording(plan: Plan, settings: Settings, engine: Engine, normalize: Normalizer) -> BenchResult:
    """Measures the accuracy, delay and cost of captions of a recording.

    Args:
        plan: What to measure.
        settings: The effective settings.
        engine: The configured engine, loaded.
        normalize: Maps text to words as they are counted.

    Raises:
        SourceError: A file cannot be read.
        EngineError: The engine failed.
        ConfigError: The model for the comparison, or faster-whisper itself, is not available.
    """
    language = None if settings.engine.language == "auto" else settings.engine.language
    peer = find_model(plan.compare) if plan.compare else ""  # fails before minutes of measuring, if at all
    reference = Reference.read(plan.reference, plan.words, normalize)
    samples = read_recording(plan.audio)
    simulate([samples[: samples_from_ms(4000)]], engine, settings.speech, language)  # warm up
    runs, transcripts = [], []
    for k in range(plan.offsets):
        cut = samples_from_ms(settings.speech.update_ms * k // plan.offsets)
        delayed = [
            np.concatenate([np.zeros(samples_from_ms(SOURCE_OFFSET_MS * i), np.float32), samples[cut:]])
            for i in range(plan.sources)
        ]
        looks_again = settings.engine.looks_again
        run = simulate(
            delayed, engine, settings.speech, language, plan.decode_s, settings.words, second_look=looks_again
        )
        shifts_s = [SOURCE_OFFSET_MS * i / 1000 - cut / SAMPLE_RATE for i in range(plan.sources)]
        runs.append(compute_figures(run, reference, normalize, shifts_s))
        transcripts += [normalized_words([final for _, final in trace.finals], normalize) for trace in run.traces]
    seconds = len(samples) / SAMPLE_RATE
    result = {**_engine_info(engine), "audio_s": seconds, "sources": plan.sources}
    result["delays_from"] = "words" if reference and reference.timed_words else "captions"
    result["figures"] = runs[0] if len(runs) == 1 else mean_and_range(runs)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    files = _transcribe_file(plan, settings, engine, language, peer)
    from_file = normalize(files[0].text)
    result["differs_from_file"] = statistics.mean(error_rate(from_file, transcript) for transcript in transcripts)
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
    """Transcribes the recording as a file: with ``transcribe``, and with faster-whisper if there is a model for it."""
    start = time.process_time()
    finals = transcribe(plan.audio, engine, settings.speech, language, words=settings.words)
    text = " ".join(final.text for final in finals)
    transcripts = [FileTranscript("streamstt transcribe", text, time.process_time() - start)]
    if peer:
        transcripts.append(run_faster_whisper(plan.audio, peer, language, settings.engine.threads or 1))
    return transcripts


def read_recording(path: Path) -> Samples:
    """Reads a whole recording, shape (n,), 16 kHz, mono.

    Raises:
        SourceError: It cannot be read.
    """
    file = AudioFile(path, fast=True)
    file.open()
    try:
        blocks = []
        while block := file.read(Event()):
            blocks.append(block.samples)
    finally:
        file.close()
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _engine_info(engine: Engine) -> BenchResult:
    return {"model": engine.info.model, "precision": engine.info.precision}


def _capacity(update_s: float, cpu_s_per_s: float) -> BenchResult:
    """Returns how many sources one core can handle, as a number and in words."""
    sources = int(MAX_CORE_SHARE / cpu_s_per_s)
    if sources:
        return {"sources": sources, "verdict": f"{sources} sources" if sources > 1 else "1 source"}
    if update_s <= MAX_UPDATE_S:
        return {"sources": 1, "verdict": f"1 source, every {update_s:.1f} s"}
    return {"sources": 0, "verdict": "too slow"}
