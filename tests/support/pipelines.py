"""A caption pipeline without a model, for unit tests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.config.settings import Settings
from streamstt.engine.runner import EngineRunner
from streamstt.hub.hub import Hub
from streamstt.speech.session import DetectorFactory
from tests.support.drawing import DrawnDetector, Talk, make_talk

TALK = make_talk("Hello everybody in the room.")


@contextmanager
def open_pipeline(
    hub: Hub, talk: Talk = TALK, make_detector: DetectorFactory = lambda _: DrawnDetector()
) -> Iterator[CaptionPipeline]:
    """Yields a pipeline that hears a talk; its engine is not started."""
    with ThreadPoolExecutor(1) as thread:
        yield CaptionPipeline(Settings(), EngineRunner(lambda: talk.engine, thread), hub, make_detector)
