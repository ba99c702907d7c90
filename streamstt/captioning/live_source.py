"""What the pipeline keeps of one source."""

from dataclasses import dataclass, field

from streamstt.audio.format import SAMPLE_RATE, Block
from streamstt.captioning.pause_watch import PauseWatch
from streamstt.captioning.scheduling import LagMonitor
from streamstt.captioning.stream_times import StreamTimes
from streamstt.config.settings import Settings, SpeechSettings
from streamstt.speech.caption_writer import CaptionWriter
from streamstt.speech.passages import PassageCollector
from streamstt.speech.session import Session

BURST = SAMPLE_RATE  # samples; audio of this length at once was sent late, not decoded late


def source_settings(settings: Settings, language: str, end_silence_ms: int) -> tuple[SpeechSettings, str | None]:
    """Returns the speech settings and the language of a source; None: the language is to be detected.

    Args:
        settings: All settings.
        language: Language code, ``auto``, or empty for ``engine.language``.
        end_silence_ms: Overrides ``speech.end_silence_ms``; 0: it does not.
    """
    update = {"end_silence_ms": end_silence_ms} if end_silence_ms else {}
    language = language or settings.engine.language
    return settings.speech.model_copy(update=update), None if language == "auto" else language


@dataclass(slots=True)
class LiveSource:
    """A source and what watches over it.

    Attributes:
        session: Turns its audio into captions.
        writer: Writes its captions.
        passages: Its finals that are to be heard again.
        times: When its audio was spoken.
        pause_watch: Notices when no more audio comes.
        language: As for ``source_settings``.
        end_silence_ms: As for ``source_settings``.
        lag: Whether its captions are late.
        paused: Whether no audio has come since its last utterance was ended for that reason.
    """

    session: Session
    writer: CaptionWriter
    passages: PassageCollector
    times: StreamTimes
    pause_watch: PauseWatch
    language: str
    end_silence_ms: int
    lag: LagMonitor = field(default_factory=LagMonitor)
    paused: bool = False

    def note_arrival(self, block: Block, received_at: float) -> None:
        """Notes the arrival of a block, before the session gets it.

        Args:
            block: The block.
            received_at: Elapsed time (s) at which it arrived.
        """
        self.times.add_arrival(block.start, block.end, received_at)
        self.pause_watch.audio_received()
        self.paused = False
        if block.start > self.session.position:
            self.lag.note_gap(self.session.position, block.start)
        if len(block.samples) > BURST:
            self.lag.excuse(len(block.samples))

    def update_lag(self, now: float) -> bool:
        """Updates ``lag``; returns whether captions have become late, or no longer are.

        Args:
            now: Elapsed time (s).
        """
        position = self.session.position
        if not position:
            return False
        ahead_s = max(0.0, self.times.time_of(position / SAMPLE_RATE) - now)  # a recording may be ahead of time
        return self.lag.update(self.session.overdue, position, round(ahead_s * SAMPLE_RATE))
