"""What people should know of a source or of the whole daemon, for as long as it is so. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence, what it is about, and the source that it is of; an empty one: of the whole daemon."""

    source: str
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}" if self.source else self.text


class Notices:
    """Sentences by what they are about; each stands until it is taken back."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    def set(self, about: str, text: str, source: str = "") -> bool:
        """Says something, or with an empty text takes it back; whether that changed anything.

        Args:
            about: What it is about, such as ``late`` or ``disk``: one sentence for each.
            text: A sentence for people.
            source: Name of the source; empty: it is true of the whole daemon.
        """
        if self._texts.get((source, about), "") == text:
            return False
        if text:
            self._texts[source, about] = text
        else:
            del self._texts[source, about]
        return True

    def of(self, source: str) -> str:
        """All that is to be known of a source, and of the daemon, in the order in which it was said first."""
        return " ".join(text for (of, _), text in self._texts.items() if of in {source, ""})

    def forget(self, source: str) -> None:
        """The source is gone."""
        self._texts = {key: text for key, text in self._texts.items() if key[0] != source}

    @property
    def all(self) -> list[Notice]:
        """Everything that stands."""
        return [Notice(source, about, text) for (source, about), text in self._texts.items()]
