"""Where utterances begin, end and are cut. Under each drawing stand its boundaries: [ opened, ] closed, | both."""

from copy import deepcopy
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamstt.audio.format import FRAME
from streamstt.config.settings import SpeechSettings
from streamstt.speech.segmenter import TRANSITIONS, Boundary, Closed, Observation, Opened, Phase, Segmenter
from tests.support.drawing import LEVELS, PROPERTY

# In frames: 3 of 6 open, 4 of pre-roll, 5 of silence close, 200 at most.
SPEECH = SpeechSettings(min_speech_ms=60, pre_roll_ms=80, end_silence_ms=100, max_utterance_s=4)
LONGEST = 200


def run(picture: str, floor: int = 0, segmenter: Segmenter | None = None) -> list[Boundary]:
    segmenter = segmenter or Segmenter(SPEECH)
    boundaries: list[Boundary] = []
    for i, c in enumerate(picture):
        boundaries += segmenter.push(i * FRAME, c in "sS", LEVELS[c] ** 2, floor * FRAME)
    return boundaries


def boundary_line(picture: str) -> str:
    line = ["."] * (len(picture) + 1)
    for boundary in run(picture):
        at, rest = divmod(boundary.at, FRAME)
        assert rest == 0
        symbol = "[" if isinstance(boundary, Opened) else "]"
        line[at] = "|" if line[at] == "]" else symbol
    return "".join(line).rstrip(".")


def cuts(picture: str, floor: int = 0) -> list[int]:
    """The frames at which speech was cut."""
    boundaries = run(picture, floor)
    closed = [b.at // FRAME for b in boundaries if isinstance(b, Closed) and b.cut]
    assert closed == [b.at // FRAME for b in boundaries if isinstance(b, Opened) and b.cut]
    return closed


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        pytest.param("....................", "", id="silence"),
        pytest.param("......ssssss........", "..[..............]", id="one"),
        pytest.param(".......ss...........", "", id="too short"),
        pytest.param("..s...s...s...s.....", "", id="clicks"),
        pytest.param("......s.s.s.........", "..[.............]", id="speech with holes is speech"),
        pytest.param(".ssss...............", "[.........]", id="pre-roll ends where the stream begins"),
        pytest.param("....ssss....ssss......", "[....................]", id="a short pause is bridged"),
        pytest.param("....ssss.....ssss......", "[............|........]", id="a long one ends it; no overlap"),
        pytest.param("....ssss............ssss.....", "[............]..[............]", id="two"),
    ],
)
def test_boundaries(picture: str, expected: str) -> None:
    """Enough speech opens an utterance, with the pre-roll before it; the hangover after its last frame closes it."""
    assert boundary_line(picture) == expected


def test_each_utterance_needs_speech_of_its_own() -> None:
    """Speech of an utterance that is over does not count towards the next one."""
    segmenter = Segmenter(SpeechSettings(min_speech_ms=200, end_silence_ms=100))
    boundaries = run("s" * 15 + "." * 5 + "s" * 9 + "." * 20, segmenter=segmenter)
    assert boundaries == [Opened(0), Closed(20 * FRAME)]


def test_interrupt_ends_speech() -> None:
    """When the audio stops, what is open closes there; frames from before open nothing after."""
    segmenter = Segmenter(SPEECH)
    assert run("....ssss", segmenter=segmenter) == [Opened(0)]
    assert segmenter.interrupt(8 * FRAME) == (Closed(8 * FRAME),)
    assert segmenter.interrupt(8 * FRAME) == ()
    assert segmenter.push(8 * FRAME, True, 0.04) == ()
    assert segmenter.push(9 * FRAME, True, 0.04) == ()
    assert segmenter.push(10 * FRAME, True, 0.04) == (Opened(8 * FRAME),)


def test_interrupt_in_silence_drops_frames() -> None:
    """Voice before an interruption does not count towards an onset after it."""
    segmenter = Segmenter(SPEECH)
    assert run("....ss", segmenter=segmenter) == []
    assert segmenter.interrupt(6 * FRAME) == ()
    assert segmenter.push(6 * FRAME, True, 0.04) == ()


@pytest.mark.parametrize(
    ("picture", "pause"),
    [
        pytest.param("s" * 120 + "...." + "s" * 20 + ".." + "s" * 54, (120, 124), id="the longer pause"),
        pytest.param("s" * 110 + ",," + "s" * 20 + ".." + "s" * 66, (132, 134), id="of pauses alike, the quieter"),
        pytest.param("S" * 150 + "s" + "S" * 49, (150, 151), id="without a pause, the quietest place"),
        pytest.param("s" * 50 + "...." + "s" * 80 + "." + "s" * 65, (134, 135), id="not in the first half"),
        pytest.param("s" * 120 + "." + "s" * 75 + "....", (120, 121), id="not after the last voice"),
        pytest.param("S" * 115 + "..." + "S" * 25 + "s" * 16 + "S" * 41, (143, 159), id="not a consonant's closure"),
        pytest.param("s" * 180 + "...." + "s" * 16, (180, 184), id="a pause near the end"),
    ],
)
def test_long_speech_is_cut(picture: str, pause: tuple[int, int]) -> None:
    """Speech of the maximum length is cut in its second half, inside the best pause: never in a word beside it."""
    assert len(picture) == LONGEST
    assert cuts(picture[:-1]) == []
    (at,) = cuts(picture)
    assert pause[0] <= at < pause[1]


@pytest.mark.parametrize("floor", [123, 141, 180, 199])
def test_never_cut_before_the_floor(floor: int) -> None:
    """Words up to the floor are committed: the cut comes after them, even if the better pause is before."""
    picture = "s" * 120 + "...." + "s" * 16 + ".." + "s" * 58
    (at,) = cuts(picture, floor)
    assert floor <= at < LONGEST


def test_endless_speech() -> None:
    """Speech without end is cut again and again, each piece no longer than the maximum and no shorter than its half."""
    edges = [0, *cuts("s" * 1000)]
    assert len(edges) > 5
    assert all(LONGEST // 2 <= b - a <= LONGEST for a, b in pairwise(edges))


@PROPERTY
@given(st.lists(st.tuples(st.sampled_from(".,sS"), st.integers(1, 60)), max_size=30), st.integers(0, 400))
@example([("s", 60), (".", 4), ("s", 60), (".", 4), ("s", 60), (".", 60)], 0)
def test_any_stream(runs: list[tuple[str, int]], floor: int) -> None:
    """Opened and closed take turns and never overlap, none is too long, and no speech is outside."""
    picture = "".join(c * n for c, n in runs)
    segmenter = Segmenter(SPEECH)
    boundaries = [*run(picture, floor, segmenter), *segmenter.interrupt(len(picture) * FRAME)]
    opened, closed = boundaries[::2], boundaries[1::2]
    assert len(opened) == len(closed)
    assert all(isinstance(b, Opened) for b in opened)
    assert all(isinstance(b, Closed) for b in closed)
    spans = [(a.at // FRAME, b.at // FRAME) for a, b in zip(opened, closed, strict=True)]
    assert all(0 < b - a <= LONGEST for a, b in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    inside = {i for a, b in spans for i in range(a, b)}
    for i in range(len(picture) - 2):
        if all(c in "sS" for c in picture[i : i + 3]):
            assert {i, i + 1, i + 2} <= inside


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("observation", Observation)
def test_state_machine(phase: Phase, observation: Observation) -> None:
    """What the table does not allow raises, names the event and the state, and changes nothing."""
    segmenter = Segmenter(SPEECH)
    run("....ssss..", segmenter=segmenter)
    segmenter.phase = phase
    before = deepcopy(vars(segmenter))
    if (phase, observation) in TRANSITIONS:
        segmenter._apply(observation, 10 * FRAME, 0)
        assert segmenter.phase is TRANSITIONS[phase, observation]
    else:
        with pytest.raises(RuntimeError, match=rf"\b{observation.name}\b.*\b{phase.name}\b"):
            segmenter._apply(observation, 10 * FRAME, 0)
        assert vars(segmenter) == before


def test_a_pause_inside_a_phrase() -> None:
    """Speech that calls for more ends after twice the silence."""
    closed = {}
    for calls_for_more in (False, True):
        segmenter = Segmenter(SPEECH)
        for i, c in enumerate("....ssssss.............."):
            for boundary in segmenter.push(i * FRAME, c in "s", LEVELS[c] ** 2, calls_for_more=calls_for_more):
                if isinstance(boundary, Closed):
                    closed[calls_for_more] = boundary.at // FRAME
    assert closed == {False: 15, True: 20}
