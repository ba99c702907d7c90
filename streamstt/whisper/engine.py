"""Builds the engine that the settings ask for. Each import stands in its case: a script needs no torch."""

from pathlib import Path

from streamstt.config import Engine as EngineSettings
from streamstt.speech.jobs import Engine
from streamstt.whisper.checkpoint import Progress


def load_engine(settings: EngineSettings, progress: Progress | None = None) -> Engine:
    """Finds the model, fetching it if need be, and loads it.

    Args:
        settings: The ``[engine]`` section.
        progress: Told how far a download is.

    Raises:
        ModelError: There is no such model, it cannot be had, or it is damaged.
        EngineError: The device is not there.
    """
    match settings.model.partition(":"):
        case ("script", _, path):
            from streamstt.speech.scripted import ScriptedEngine  # noqa: PLC0415 - see above

            return ScriptedEngine.load(Path(path))
        case _:
            from streamstt.whisper import checkpoint  # noqa: PLC0415

            found = checkpoint.find(settings.model, progress=progress)
            # Last, for torch takes seconds to import, and a wrong name should not.
            if settings.kind == "reference":
                from streamstt.whisper.reference import ReferenceEngine  # noqa: PLC0415

                return ReferenceEngine(found, settings)
            from streamstt.whisper.streaming import StreamingEngine  # noqa: PLC0415

            return StreamingEngine(found, settings)
