"""Does the engine keep up with a source? Says so when captions are late, and again when they no longer are."""

from streamstt.audio.format import ms

LATE = ms(2000)  # samples that wait for the engine beyond the usual update: a reader notices
WELL = ms(700)  # samples: not late any more; between the two nothing changes, so that viewers are not told in turns
ADVICE = "Captions are late: this machine cannot keep up. A smaller model, or fewer sources, would help."


class Lateness:
    """Of one source."""

    def __init__(self, begun: int) -> None:
        """All is well.

        Args:
            begun: A clock in samples, when the source's first sample came.
        """
        self.late = False
        self._begun = begun

    def note(self, overdue: int, position: int, clock: int) -> bool:
        """Takes how things stand; whether that changed ``late``.

        Args:
            overdue: Samples that should have been heard by now.
            position: Samples that came so far: a file may send faster than it was spoken, and then nobody is late.
            clock: The clock now.
        """
        overdue -= max(0, position - (clock - self._begun))
        late = overdue >= (WELL if self.late else LATE)
        changed = late != self.late
        self.late = late
        return changed

    @property
    def detail(self) -> str:
        """What to tell the source's viewers; empty when all is well."""
        return ADVICE if self.late else ""
