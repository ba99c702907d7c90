"""The state of a source as viewers see it: what the pipeline publishes, whoever brings the audio."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from streamstt.audio.capture import Capture, CaptureItem, DeviceNotice, Ended, Lost, Recovered, Waiting
from streamstt.audio.format import SAMPLE_RATE, Block, Samples
from streamstt.audio.sources import AudioFile
from streamstt.captioning.local_source import run_source
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.config.settings import Settings, SpeechSettings
from streamstt.errors import SourceError
from streamstt.events import State
from streamstt.hub.hub import Hub
from tests.support.captions import make_hub
from tests.support.drawing import DrawnDetector, Talk, frames
from tests.support.paths import DATA
from tests.support.pipelines import TALK, open_pipeline


class ScriptedCapture(Capture):
    """A capture whose items are written down; it has no thread."""

    def __init__(self, *items: CaptureItem) -> None:
        super().__init__("mic", AudioFile(DATA / "short.flac", fast=True))
        self._items = items

    async def items(self) -> AsyncIterator[CaptureItem]:
        for item in self._items:
            yield item


@pytest.fixture
def hub() -> Hub:
    return make_hub(sources=())


@pytest.fixture
def pipeline(hub: Hub) -> Iterator[CaptionPipeline]:
    """Its engine is never started: no test waits for captions."""
    with open_pipeline(hub) as pipeline:
        yield pipeline


def last_status(hub: Hub) -> tuple[str, str]:
    (message,) = hub.statuses
    return message.data["state"], message.data["detail"]


async def test_a_device_that_comes_goes_and_comes_back(pipeline: CaptionPipeline, hub: Hub) -> None:
    """Each change of a device is a status with its reason; a source without its device counts as missing."""
    session = pipeline.add_source("mic", "Mic", "en")
    pipeline.mark_waiting(session, "It is not plugged in.")
    assert last_status(hub) == ("waiting", "It is not plugged in.")
    assert hub.missing_sources == ["mic"]
    pipeline.mark_listening(session)
    assert last_status(hub) == ("listening", "")
    assert hub.missing_sources == []
    pipeline.mark_lost(session, "It was unplugged.")
    assert last_status(hub) == ("lost", "It was unplugged.")
    assert hub.missing_sources == ["mic"]
    pipeline.mark_listening(session)
    assert hub.missing_sources == []


async def test_an_outage_ends_what_was_being_said(pipeline: CaptionPipeline, hub: Hub) -> None:
    """Speech that a lost device cuts off is complete: it waits for the engine, not for more audio."""
    session = pipeline.add_source("mic", "Mic", "en")
    for block in frames(TALK):
        pipeline.push(session, block)
        if hub.states.get("mic") is State.SPEECH:
            break
    assert session.backlog == 0
    pipeline.mark_lost(session, "It was unplugged.")
    assert session.backlog > 0
    assert last_status(hub) == ("lost", "It was unplugged.")


async def test_no_audio_is_expected_during_an_outage(pipeline: CaptionPipeline) -> None:
    """A device that is known to be missing is no reason to call the daemon stuck."""
    session = pipeline.add_source("mic", "Mic", "en")
    pipeline.liveness.audio_received("mic", -100.0)
    assert pipeline.stall_reason(10.0)
    pipeline.mark_lost(session, "It was unplugged.")
    assert not pipeline.stall_reason(10.0)


async def test_notices_of_a_device(pipeline: CaptionPipeline, hub: Hub) -> None:
    """A notice is in the detail of its source until it is taken back."""
    session = pipeline.add_source("mic", "Mic", "en")
    pipeline.mark_listening(session)
    pipeline.notify_device(session, "silence", "There has been no sound for 2 s.")
    assert last_status(hub) == ("listening", "There has been no sound for 2 s.")
    pipeline.notify_device(session, "silence", "")
    assert last_status(hub) == ("listening", "")


@pytest.mark.parametrize(
    ("error", "expected"),
    [(None, ("waiting", "The source has ended.")), (SourceError("it broke"), ("lost", "it broke"))],
    ids=["end", "failure"],
)
async def test_the_end_of_a_source(
    pipeline: CaptionPipeline, hub: Hub, error: SourceError | None, expected: tuple[str, str]
) -> None:
    """A source that has ended is waiting, one that failed is lost; it stays in the list of sources."""
    session = pipeline.add_source("mic", "Mic", "en")
    pipeline.mark_waiting(session, "It is not plugged in.")
    await pipeline.end_local_source(session, error)
    assert last_status(hub) == expected
    assert hub.missing_sources == (["mic"] if error else [])
    assert [source.name for source in hub.sources] == ["mic"]


async def test_a_source_reports_to_the_pipeline_only(pipeline: CaptionPipeline, hub: Hub) -> None:
    """A local source needs no hub: what happens to its device reaches viewers through the pipeline, in order."""
    session = pipeline.add_source("mic", "Mic", "en")
    silence = list(frames(Talk("." * 10, ())))
    error = SourceError("it broke")
    capture = ScriptedCapture(
        Waiting("not there"), *silence[:5], Lost("gone"), Recovered(), *silence[5:],
        DeviceNotice("clipping", "Too loud."), Ended(error),
    )  # fmt: skip
    with hub.subscribe() as subscription:
        assert await run_source(pipeline, capture, session) is error
        subscription.finish(subscription.close_reason)
        states = []
        while (message := await subscription.get()) is not None:
            if not isinstance(message, str) and message.data["type"] == "status":
                states.append((message.data["state"], message.data["detail"]))
    assert states == [
        ("waiting", "not there"),
        ("listening", ""),
        ("lost", "gone"),
        ("listening", ""),
        ("listening", "Too loud."),
        ("lost", "it broke Too loud."),
    ]


def test_the_pipeline_uses_the_detector_it_is_given(hub: Hub) -> None:
    """Each source gets a detector of its own, made from the settings of that source."""
    asked: list[SpeechSettings] = []

    def make(settings: SpeechSettings) -> DrawnDetector:
        asked.append(settings)
        return DrawnDetector()

    with open_pipeline(hub, make_detector=make) as pipeline:
        pipeline.add_source("mic", "Mic", "en")
        pipeline.add_source("door", "Door", "en", end_silence_ms=300)
    assert [settings.end_silence_ms for settings in asked] == [Settings().speech.end_silence_ms, 300]


class Voice:
    """A detector that takes everything for speech."""

    def is_speech(self, _: Samples) -> bool:
        return True


async def test_a_voice_that_is_too_quiet(hub: Hub) -> None:
    """Whoever brings the audio, viewers are told that a voice is too quiet, until it is louder."""
    with open_pipeline(hub, make_detector=lambda _: Voice()) as pipeline:
        session = pipeline.add_source("phone", "Phone", "en")
        pipeline.mark_listening(session)
        for second, peak in enumerate([1e-4] * 10 + [0.1] * 2):
            pipeline.push(session, Block(second * SAMPLE_RATE, np.full(SAMPLE_RATE, peak, np.float32)))
            if second == 8:
                assert "too quiet to be heard" in last_status(hub)[1]
    assert last_status(hub)[1] == ""


async def test_samples_that_are_no_numbers(pipeline: CaptionPipeline, hub: Hub) -> None:
    """A program's own source may deliver NaN; the engine does not get it."""
    session = pipeline.add_source("program", "Program", "en")
    for block in frames(TALK):
        samples = block.samples.copy()
        samples[7] = np.nan
        pipeline.push(session, Block(block.start, samples))
    pipeline.interrupt(session)
    job = session.next_job()
    assert job
    assert np.isfinite(job.audio).all()
    assert 'streamstt_bad_samples_total{source="remote"} ' in hub.counters.render().decode()
    assert 'streamstt_bad_samples_total{source="remote"} 0.0' not in hub.counters.render().decode()


async def test_what_is_over_is_no_warning(pipeline: CaptionPipeline, caplog: pytest.LogCaptureFixture) -> None:
    """A problem is a warning in the log, its end is information."""
    caplog.set_level(logging.INFO)
    session = pipeline.add_source("mic", "Mic", "en")
    pipeline.notify_device(session, "clipping", "It is too loud.")
    pipeline.notify_device(session, "clipping", "")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "source mic: It is too loud."),
        ("INFO", "source mic: clipping is over"),
    ]


async def test_samples_of_a_file_that_are_no_numbers(
    pipeline: CaptionPipeline, hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are counted, and the log says so, once."""
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[[100, 5000]] = np.nan
    sound[200] = np.inf
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE, "FLOAT")
    session = pipeline.add_source("file", "File", "en")
    capture = Capture("file", AudioFile(tmp_path / "a.wav", fast=True))
    await capture.start()
    assert await run_source(pipeline, capture, session) is None
    assert 'streamstt_bad_samples_total{source="remote"} 3.0' in hub.counters.render().decode()
    assert caplog.text.count("samples that are no numbers") == 1
