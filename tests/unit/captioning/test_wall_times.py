"""The wall time of captions: while the clock is set, the machine sleeps, and clients leave out what is silent."""

import json
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest

from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.brokers.messages import EventEntry, make_entry, parse_entries
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.clock import format_utc
from streamstt.events import Final
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import Message, encode
from streamstt.subtitles.formats import render
from streamstt.subtitles.timeline import align_captions
from tests.support.captions import ABOUT, final
from tests.support.clocks import NOON, Clocks
from tests.support.drawing import make_talk
from tests.support.pipelines import open_pipeline
from tests.support.subtitles import parse_subtitles

SETTINGS = [-3600.0, -0.5, 3600.0, 56 * 365.25 * 86400]
NAMES = ["an hour back", "half a second back", "an hour forward", "by NTP, at the boot of a machine without a battery"]


class Room:
    """A pipeline with its hub, on clocks that the test moves."""

    def __init__(self, pipeline: CaptionPipeline, hub: Hub, clocks: Clocks) -> None:
        self.hub = hub
        self.clocks = clocks
        self._pipeline = pipeline
        self._sessions = {name: pipeline.add_source(name, name.title(), "en") for name in ("mic", "door")}

    def hear(self, seconds: float, *names: str) -> None:
        """Audio arrives in real time."""
        for _ in range(round(seconds * 10)):
            self.clocks.advance(0.1)
            for name in names or ("mic",):
                session = self._sessions[name]
                audio = np.zeros(SAMPLE_RATE // 10, np.float32)
                self._pipeline.push(session, Block(session.position, audio))

    def say(self, text: str, ago_s: float, source: str = "mic") -> Message:
        """A caption of a second becomes final, which began ``ago_s`` before the end of the source's audio."""
        start = self._sessions[source].position / SAMPLE_RATE - ago_s
        before = self.hub.seq
        self.hub.publish(final(text, start, start + 1, source, before + 1))
        return next(m for m in self.hub._history.finals_up_to(self.hub.seq) if m.seq == before + 1)


def aligned(hub: Hub) -> list[Final]:
    """The captions as they are in files."""
    return align_captions([(m.event, m.steady_at) for m in hub.finals if isinstance(m.event, Final)])


@pytest.fixture
def room() -> Iterator[Room]:
    clocks = Clocks()
    hub = Hub(ABOUT, history=100, hello_history=50, queue=100, clock=clocks.session_clock)
    with open_pipeline(hub, make_talk("Nothing.")) as pipeline:
        yield Room(pipeline, hub, clocks)


def wall(message: Message) -> float:
    assert message.at
    return message.at.timestamp()


@pytest.mark.parametrize("seconds", SETTINGS, ids=NAMES)
async def test_the_clock_is_set(room: Room, seconds: float) -> None:
    """Captions have the wall time by the clock as it is set; the steady time goes on, in exports, too."""
    room.hear(10)
    before = room.say("Before.", 3)
    room.clocks.set(seconds)
    across = room.say("Across.", 2)
    room.hear(10)
    after = room.say("After.", 3)
    assert wall(before) == pytest.approx(NOON + 7, abs=0.01)
    assert wall(across) == pytest.approx(NOON + 8 + seconds, abs=0.01)
    assert wall(after) == pytest.approx(NOON + 17 + seconds, abs=0.01)
    assert [m.data["steady"] - NOON for m in (before, across, after)] == pytest.approx([7, 8, 17], abs=0.01)
    assert [(f.text, f.start) for f in aligned(room.hub)] == [("Before.", 7), ("Across.", 8), ("After.", 17)]


async def test_left_out_silence(room: Room) -> None:
    """A client that leaves out 25 s: what it says then is 25 s later; what is final late keeps its time."""
    room.hear(10)
    room.clocks.advance(25)
    late = room.say("Before.", 3)
    room.hear(10)
    assert wall(late) == pytest.approx(NOON + 7, abs=0.01)
    assert wall(room.say("Still before.", 12)) == pytest.approx(NOON + 8, abs=0.01)
    assert wall(room.say("After.", 4)) == pytest.approx(NOON + 41, abs=0.01)
    assert [f.start for f in aligned(room.hub)] == pytest.approx([7, 8, 41])


async def test_an_answer_is_after_its_question(room: Room) -> None:
    """Captions of several sources are in the order in which they were spoken, whoever left out silence."""
    room.hear(10, "mic", "door")
    room.hear(25, "mic")  # the one at the door says nothing
    room.say("Is anybody there?", 2)
    room.hear(5, "mic", "door")
    room.say("It is me.", 4, "door")
    room.hear(2, "mic", "door")
    room.say("Come in.", 1)
    assert render(aligned(room.hub), "txt").splitlines() == [
        "mic: Is anybody there?",
        "door: It is me.",
        "mic: Come in.",
    ]
    assert [cue.start for cue in parse_subtitles(render(aligned(room.hub), "srt"))] == pytest.approx([33, 36, 41])


async def test_a_night(room: Room) -> None:
    """Time in which the machine slept is time that passed."""
    room.hear(10)
    room.clocks.advance(8 * 3600)
    room.hear(10)
    assert wall(room.say("Good morning.", 3)) == pytest.approx(NOON + 8 * 3600 + 17, abs=0.01)


async def test_the_queue_does_not_count(room: Room) -> None:
    """The time of audio is that of its arrival, not of when the event loop comes to it."""
    session = room._sessions["mic"]
    room.clocks.advance(10)
    room._pipeline.push(session, Block(0, np.zeros(SAMPLE_RATE, np.float32), room.clocks.elapsed - 7))
    assert wall(room.say("Queued.", 1)) == pytest.approx(NOON + 2, abs=0.01)
    assert room.hub.sources[0].started_at == format_utc(NOON + 2)


async def test_a_clock_that_is_slewed(room: Room) -> None:
    """A wall clock that is sped up a little, hour by hour, is followed."""
    for _ in range(10):
        room.hear(60)
        room.clocks.set(0.03)
    assert wall(room.say("Now.", 0)) == pytest.approx(room.clocks.wall, abs=0.01)


async def test_an_edge_has_the_same_times(room: Room) -> None:
    """Both times pass through a broker, and the exports of an edge are those of the daemon."""
    room.hear(10)
    messages = [room.say("Before.", 3)]
    room.clocks.set(-3600)
    room.hear(10)
    messages.append(room.say("After.", 3))
    entries = parse_entries([make_entry(m.data, "run-1").text for m in messages])
    edge = Hub(ABOUT, history=100, hello_history=50, queue=100)
    edge.relay([entry.message for entry in entries if isinstance(entry, EventEntry)])
    assert [m.text for m in edge.finals] == [m.text for m in room.hub.finals]
    assert [json.loads(entry.message.text)["at"] for entry in entries if isinstance(entry, EventEntry)] == [
        m.data["at"] for m in messages
    ]


@pytest.mark.parametrize("steady", [None, "noon", -1, float("nan"), 1e300, []])
def test_messages_without_a_steady_time(steady: object) -> None:
    """Finals of older daemons, and nonsense: wall time takes its place."""
    message = encode(final("Old."), 1, at="2026-11-25T12:00:00.000+00:00")
    other = Message(1, message.event, {**message.data, "steady": steady}, "", b"")
    assert message.steady_at == datetime.fromisoformat("2026-11-25T12:00:00.000+00:00")
    assert other.steady_at == message.steady_at
    assert isinstance(message.event, Final)
