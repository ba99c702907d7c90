"""From the words of an utterance to its captions: commits what is sure, ends what is complete, shows the rest."""

from streamstt.audio.format import samples_from_ms, seconds_from_samples
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import RecognizedWord
from streamstt.events import Event, Gap
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.local_agreement import agreed_prefix, caption_break
from streamstt.speech.utterance import Utterance

UNSURE_HOLD = samples_from_ms(
    2500
)  # samples: for so long a word that the engine is not sure of may still be heard better


class UtteranceCaptioner:
    """Of one source."""

    def __init__(self, source: str, settings: SpeechSettings, writer: CaptionWriter) -> None:
        """Nothing is said yet.

        Args:
            source: Name of the source.
            settings: The ``[speech]`` section.
            writer: Writes its captions.
        """
        self.settings = settings
        self._source = source
        self._writer = writer

    def update(self, utterance: Utterance, words: tuple[RecognizedWord, ...]) -> list[Event]:
        """Commits what this update confirms, ends the captions that this completes, and shows the rest."""
        end = utterance.decoded_until if utterance.end is None else min(utterance.decoded_until, utterance.end)
        promised = len(utterance.committed) - utterance.captioned_words
        count = agreed_prefix(utterance.draft, words, end - samples_from_ms(self.settings.hold_ms), end - UNSURE_HOLD)
        utterance.committed += words[:count]
        utterance.continuations = 0 if count else utterance.continuations
        utterance.draft = words[count:]
        events = self._write_complete(utterance, promised)
        partial = self._writer.partial(
            utterance.committed[utterance.captioned_words :],
            utterance.draft,
            utterance.decoded_until,
            utterance.language,
        )
        return [*events, partial] if partial else events

    def finish(self, utterance: Utterance, words: tuple[RecognizedWord, ...]) -> list[Event]:
        """Ends the utterance with ``words``: all that is said becomes final."""
        promised = len(utterance.committed) - utterance.captioned_words
        utterance.committed += words
        events = self._write_complete(utterance, promised)
        rest = utterance.committed[utterance.captioned_words :]
        final = self._writer.final(rest, utterance.decoded_until, utterance.language)
        return [*events, final] if final else events

    def discard(self, utterance: Utterance) -> list[Event]:
        """Ends a closed utterance that is not decoded to its end: what was heard of it is final, the rest a gap."""
        end = utterance.end or utterance.start
        unheard = max(utterance.own_start or utterance.start, utterance.decoded_until)
        events: list[Event] = (
            [Gap(self._source, seconds_from_samples(unheard), seconds_from_samples(end))] if unheard < end else []
        )
        # An update may have heard beyond a cut that came later: those words belong to the next utterance.
        heard = tuple(w for w in utterance.draft if (w.start + w.end) // 2 < end)
        return events + self.finish(utterance, heard)

    def commit(self, utterance: Utterance, words: tuple[RecognizedWord, ...]) -> list[Event]:
        """Keeps the words for good, though more of the utterance is still to come."""
        promised = len(utterance.committed) - utterance.captioned_words
        utterance.committed += words
        utterance.draft = ()
        return self._write_complete(utterance, promised)

    def _write_complete(self, utterance: Utterance, stable_words: int) -> list[Event]:
        """Writes the captions that are complete among the committed words; ``promised`` as in ``caption_break``."""
        events: list[Event] = []
        longest = samples_from_ms(self.settings.max_caption_s * 1000)
        while count := caption_break(utterance.committed[utterance.captioned_words :], longest, stable_words):
            words = utterance.committed[utterance.captioned_words : utterance.captioned_words + count]
            utterance.captioned_words += count
            stable_words = 0
            final = self._writer.final(words, utterance.decoded_until, utterance.language)
            events += [final] if final else []
        return events
