"""Streams drawn as text, and what plays them: audio, a detector that reads the drawing, talks with their words.

One character is one frame of 20 ms: ``.`` silence, ``,`` a breath, ``s`` speech, ``S`` loud speech.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, pairwise

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from streamstt.audio.format import FRAME, SAMPLE_RATE, Block, Samples
from streamstt.config.settings import SpeechSettings
from streamstt.config.words import WordsSettings
from streamstt.engine.base import Engine, Job
from streamstt.engine.scripted import Script, ScriptedEngine, ScriptWord
from streamstt.events import Event, Final, Gap, Partial
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.rewriting import WordRewriter
from streamstt.speech.session import Session
from tests.support.caption_rules import check_captions, from_events

LEVELS = {".": 0.0, ",": 0.01, "s": 0.2, "S": 0.4}
FRAMES_A_SECOND = SAMPLE_RATE // FRAME
PROPERTY = settings(derandomize=True, deadline=None, max_examples=40, database=None)
"""For property tests: the same examples in every run."""


def draw(picture: str) -> Samples:
    """The audio of a drawing; a little noise makes every sample its own, so that a mix-up shows."""
    loud = np.repeat([LEVELS[c] for c in picture], FRAME)
    noise = np.random.default_rng(0).uniform(0.0001, 0.001, len(loud))
    return (loud + noise).astype(np.float32)


class DrawnDetector:
    """A voice detector that recognizes in the audio what was drawn."""

    def is_speech(self, frame: Samples) -> bool:
        return float(np.mean(frame)) > 0.1


@dataclass(frozen=True)
class Talk:
    """Drawn speech: the drawing, and each word with the frames from which and to which it is spoken."""

    picture: str
    words: tuple[tuple[str, int, int], ...]

    @property
    def text(self) -> list[str]:
        return [text for text, _, _ in self.words]

    @cached_property
    def audio(self) -> Samples:
        return draw(self.picture)

    @cached_property
    def engine(self) -> ScriptedEngine:
        """An engine that recognizes exactly this talk."""
        step = FRAME / SAMPLE_RATE
        words = tuple(ScriptWord(text=f" {t}", start=a * step, end=b * step) for t, a, b in self.words)
        return ScriptedEngine(Script(words=words))


def make_talk(*parts: str | float) -> Talk:
    """Draws a talk of words and pauses (s): 60 ms a letter, at least 160 ms a word, and a second of silence around."""
    picture, words = "." * FRAMES_A_SECOND, []
    for part in parts:
        if isinstance(part, str):
            for word in part.split():
                start = len(picture)
                picture += "s" * max(8, 3 * len(word))
                words.append((word, start, len(picture)))
        else:
            picture += "." * round(part * FRAMES_A_SECOND)
    return Talk(picture + "." * FRAMES_A_SECOND, tuple(words))


VOCABULARY = ("I", "say", "seven", "words,", "Wednesday", "twice.", "Really?", "well;")
PAUSES = (0.0, 0.0, 0.0, 0.06, 0.16, 0.56, 0.6, 0.62, 1.0, 2.4)  # s: around the hangover and far from it


@st.composite
def talks(draw_from: st.DrawFn, longest: int = 24) -> Talk:
    """Talks of any words and pauses; no two words of a talk are alike, so that a lost or doubled one shows."""
    drawn = draw_from(
        st.lists(st.tuples(st.sampled_from(VOCABULARY), st.sampled_from(PAUSES)), min_size=1, max_size=longest)
    )
    return make_talk(*(part for i, (word, pause) in enumerate(drawn) for part in (f"{i}{word}", pause)))


def cut(audio: Samples, sizes: Iterable[int], start: int = 0) -> Iterator[Block]:
    """Cuts audio into blocks of these sizes, over and over."""
    sizes_in_turn = cycle(sizes)
    at = 0
    while at < len(audio):
        samples = audio[at : at + next(sizes_in_turn)]
        yield Block(start + at, samples)
        at += len(samples)


def frames(talk: Talk) -> Iterator[Block]:
    """Cuts a talk into blocks of 20 ms, as a microphone delivers it."""
    return cut(talk.audio, [FRAME])


def make_session(
    speech: SpeechSettings | None = None, language: str | None = "en", words: WordsSettings | None = None
) -> Session:
    """Makes a session whose detector recognizes what is drawn."""
    writer = CaptionWriter("room", rewriter=WordRewriter(words))
    return Session("room", speech or SpeechSettings(), lambda _: DrawnDetector(), language, writer)


def play(
    session: Session,
    blocks: Iterable[Block],
    engine: Engine,
    delays: Sequence[int] = (0,),
    watch: Callable[[Job], None] = lambda _: None,
) -> list[Event]:
    """Pushes all blocks, ends the stream, and decodes until all speech is final.

    Args:
        session: Takes the audio.
        blocks: The audio.
        engine: Decodes the jobs.
        delays: How many blocks each decode takes, over and over.
        watch: Called with every job.
    """
    events: list[Event] = []
    delays_in_turn = cycle(delays)
    job: Job | None = None
    ready = 0

    def work(now: float) -> None:
        nonlocal job, ready
        while True:
            if job is None:
                job = session.next_job()
                if job is None:
                    return
                watch(job)
                ready = round(now) + next(delays_in_turn) if now != float("inf") else 0
            if ready > now:
                return
            events.extend(session.apply(engine.decode(job)))
            job = None

    for count, block in enumerate(blocks):
        events.extend(session.push(block))
        work(count)
    events.extend(session.interrupt())
    work(float("inf"))
    assert session.settled
    return events


def partials(events: Iterable[Event]) -> list[Partial]:
    return [e for e in events if isinstance(e, Partial)]


def finals(events: Iterable[Event]) -> list[Final]:
    return [e for e in events if isinstance(e, Final)]


def gaps(events: Iterable[Event]) -> list[Gap]:
    return [e for e in events if isinstance(e, Gap)]


def final_words(events: Iterable[Event]) -> list[str]:
    """Returns every word of the finals, after checking that their texts have the same words."""
    captions = finals(events)
    words = [w.text for f in captions for w in f.words]
    assert " ".join(f.text for f in captions if f.text).split() == words
    return words


def assert_caption_rules(events: Sequence[Event]) -> None:
    """Checks the rules of captions that every client relies on (protocol v1)."""
    check_captions(from_events(events), every_revision=True)
    assert all(e.start <= e.end for e in events if isinstance(e, Partial | Final))
    words = [w for f in finals(events) for w in f.words]
    assert all(a.end <= b.start + 0.001 for a, b in pairwise(words)), "words follow each other"
    assert all(g.start < g.end for g in gaps(events)), "a gap has a length"
