"""From the words of an utterance to its captions: commits what is certain, ends what is complete, shows the rest."""

from streamstt.audio.format import samples_from_ms, seconds_from_samples
from streamstt.config.settings import SpeechSettings
from streamstt.engine.base import RecognizedWord
from streamstt.events import Event, Gap
from streamstt.speech.caption_breaks import caption_break
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.local_agreement import agreed_prefix, shown_prefix
from streamstt.speech.utterance import Utterance

UNSURE_HOLD = samples_from_ms(2500)  # samples: a word of low probability may still be recognized better for so long
UNSURE_HIDDEN = samples_from_ms(1000)  # samples: a doubtful word is not shown for so long, nor is what follows it


class UtteranceCaptioner:
    """Commits the words of a source's utterances, and has the writer make captions of them.

    Attributes:
        settings: Settings of the ``[speech]`` section that are in force.
    """

    def __init__(self, source: str, settings: SpeechSettings, writer: CaptionWriter) -> None:
        """Starts with no caption.

        Args:
            source: Name of the source.
            settings: Settings of the ``[speech]`` section.
            writer: Writes the captions of the source.
        """
        self.settings = settings
        self._source = source
        self._writer = writer

    def update(
        self, utterance: Utterance, words: tuple[RecognizedWord, ...], *, may_commit: bool = True
    ) -> list[Event]:
        """Commits the words that this update confirms, ends the captions that they complete, and shows the rest.

        Args:
            utterance: The utterance that was decoded.
            words: What was recognized after the committed words.
            may_commit: Whether words may be committed; otherwise all are shown as words that may still change.

        Returns:
            Finals that are complete, then a partial if it says anything new.
        """
        end = utterance.decoded_until if utterance.end is None else min(utterance.decoded_until, utterance.end)
        stable_words = len(utterance.committed) - utterance.captioned_words
        hold = samples_from_ms(self.settings.hold_ms)
        count = agreed_prefix(utterance.draft, words, end - hold, end - UNSURE_HOLD) if may_commit else 0
        utterance.committed += words[:count]
        utterance.continuations = 0 if count else utterance.continuations
        utterance.draft = words[count:]
        events = self._write_complete(utterance, stable_words)
        partial = self._writer.partial(
            utterance.committed[utterance.captioned_words :],
            utterance.draft[: shown_prefix(utterance.draft, end - UNSURE_HIDDEN)],
            utterance.decoded_until,
            utterance.language,
        )
        return [*events, partial] if partial else events

    def finish(self, utterance: Utterance, words: tuple[RecognizedWord, ...]) -> list[Event]:
        """Ends the utterance with its last words: all of them become final.

        Args:
            utterance: A closed utterance.
            words: What follows the committed words.

        Returns:
            The finals.
        """
        stable_words = len(utterance.committed) - utterance.captioned_words
        utterance.committed += words
        utterance.draft = ()
        events = self._write_complete(utterance, stable_words)
        rest = utterance.committed[utterance.captioned_words :]
        final = self._writer.final(rest, utterance.decoded_until, utterance.language)
        return [*events, final] if final else events

    def discard(self, utterance: Utterance) -> list[Event]:
        """Ends a closed utterance that is not decoded to its end.

        Returns:
            A gap for the audio that was not decoded, if any, and finals of the words that were recognized before it.
        """
        end = utterance.end or utterance.start
        gap_start = max(utterance.own_start or utterance.start, utterance.decoded_until)
        events: list[Event] = []
        if gap_start < end:
            events.append(Gap(self._source, seconds_from_samples(gap_start), seconds_from_samples(end)))
        # An update may have reached beyond a cut that came later: those words belong to the next utterance.
        recognized = tuple(w for w in utterance.draft if (w.start + w.end) // 2 < end)
        return events + self.finish(utterance, recognized)

    def _write_complete(self, utterance: Utterance, stable_words: int) -> list[Event]:
        """Writes the captions that are complete among the committed words; arguments as for ``caption_break``."""
        events: list[Event] = []
        max_samples = samples_from_ms(self.settings.max_caption_s * 1000)
        while True:
            open_words = utterance.committed[utterance.captioned_words :]
            count = caption_break(open_words, max_samples, stable_words, utterance.language, utterance.draft)
            if not count:
                return events
            words = utterance.committed[utterance.captioned_words : utterance.captioned_words + count]
            utterance.captioned_words += count
            stable_words = 0
            final = self._writer.final(words, utterance.decoded_until, utterance.language)
            events += [final] if final else []
