"""Captions and hubs for tests of everything that receives captions."""

from streamstt.events import Final, Partial, Word
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import DaemonInfo, SourceInfo

ABOUT = DaemonInfo("1.0", "run-1", "2026-01-02T03:04:05.678+00:00", "base", "int8", "en")


def final(text: str, start: float = 0.0, end: float = 1.0, source: str = "mic", number: int = 1) -> Final:
    step = (end - start) / max(1, len(text.split()))
    words = tuple(
        Word(word, round(start + i * step, 3), round(start + (i + 1) * step, 3), 0.9)
        for i, word in enumerate(text.split())
    )
    return Final(source, f"{source}-{number}", 2, start, end, text, words, "en")


def partial(text: str, source: str = "mic", number: int = 1, rev: int = 1) -> Partial:
    return Partial(source, f"{source}-{number}", rev, 0.0, 1.0, text, 0, "en")


def make_hub(history: int = 100, hello_history: int = 50, queue: int = 100, sources: tuple[str, ...] = ("mic",)) -> Hub:
    hub = Hub(ABOUT, history=history, hello_history=hello_history, queue=queue)
    for name in sources:
        hub.add_source(SourceInfo(name, name.title(), "2026-01-02T03:04:05.678+00:00"))
    return hub
