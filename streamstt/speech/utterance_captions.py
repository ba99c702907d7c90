"""From the words of an utterance to its captions: commits what is sure, ends what is complete, shows the rest."""

from streamstt.audio.format import samples_from_ms, seconds_from_samples
from streamstt.config.settings import Speech
from streamstt.engine.base import HeardWord
from streamstt.events import Event, Gap
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.local_agreement import agreed, first_break
from streamstt.speech.utterance import Utterance

DOUBTED = samples_from_ms(2500)  # samples: for so long a word that the engine is not sure of may still be heard better


class Wording:
    """Of one source."""

    def __init__(self, source: str, settings: Speech, writer: CaptionWriter) -> None:
        """Nothing is said yet.

        Args:
            source: Name of the source.
            settings: The ``[speech]`` section.
            writer: Writes its captions.
        """
        self.settings = settings
        self._source = source
        self._writer = writer

    def update(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> list[Event]:
        """Commits what this update confirms, ends the captions that this completes, and shows the rest."""
        end = utterance.heard if utterance.end is None else min(utterance.heard, utterance.end)
        promised = len(utterance.committed) - utterance.finished
        count = agreed(utterance.draft, words, end - samples_from_ms(self.settings.hold_ms), end - DOUBTED)
        utterance.committed += words[:count]
        utterance.asked = 0 if count else utterance.asked
        utterance.draft = words[count:]
        events = self._captions(utterance, promised)
        partial = self._writer.partial(
            utterance.committed[utterance.finished :], utterance.draft, utterance.heard, utterance.language
        )
        return [*events, partial] if partial else events

    def finish(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> list[Event]:
        """Ends the utterance with ``words``: all that is said becomes final."""
        promised = len(utterance.committed) - utterance.finished
        utterance.committed += words
        events = self._captions(utterance, promised)
        rest = utterance.committed[utterance.finished :]
        final = self._writer.final(rest, utterance.heard, utterance.language)
        return [*events, final] if final else events

    def lose(self, utterance: Utterance) -> list[Event]:
        """Ends a closed utterance that is not decoded to its end: what was heard of it is final, the rest a gap."""
        end = utterance.end or utterance.start
        unheard = max(utterance.begin or utterance.start, utterance.heard)
        events: list[Event] = (
            [Gap(self._source, seconds_from_samples(unheard), seconds_from_samples(end))] if unheard < end else []
        )
        # An update may have heard beyond a cut that came later: those words belong to the next utterance.
        heard = tuple(w for w in utterance.draft if (w.start + w.end) // 2 < end)
        return events + self.finish(utterance, heard)

    def go_on(self, utterance: Utterance, words: tuple[HeardWord, ...]) -> list[Event]:
        """Keeps the words for good, though more of the utterance is still to come."""
        promised = len(utterance.committed) - utterance.finished
        utterance.committed += words
        utterance.draft = ()
        return self._captions(utterance, promised)

    def _captions(self, utterance: Utterance, promised: int) -> list[Event]:
        """Writes the captions that are complete among the committed words; ``promised`` as in ``first_break``."""
        events: list[Event] = []
        longest = samples_from_ms(self.settings.max_caption_s * 1000)
        while count := first_break(utterance.committed[utterance.finished :], longest, promised):
            words = utterance.committed[utterance.finished : utterance.finished + count]
            utterance.finished += count
            promised = 0
            final = self._writer.final(words, utterance.heard, utterance.language)
            events += [final] if final else []
        return events
