"""How each source is, as viewers are told: its last status, with the notices that stand. Pure."""

from dataclasses import dataclass, replace

from streamstt.events import State, Status
from streamstt.hub.protocol import Message, make_message


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence, what it is about, and the source that it is of; an empty one: of the whole daemon."""

    source: str
    topic: str
    text: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}" if self.source else self.text


class Notices:
    """Sentences by what they are about; each stands until it is taken back."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    def set(self, topic: str, text: str, source: str = "") -> bool:
        """Says something, or with an empty text takes it back; whether that changed anything.

        Args:
            topic: What it is about, such as ``late`` or ``disk``: one sentence for each.
            text: A sentence for people.
            source: Name of the source; empty: it is true of the whole daemon.
        """
        if self._texts.get((source, topic), "") == text:
            return False
        if text:
            self._texts[source, topic] = text
        else:
            del self._texts[source, topic]
        return True

    def text_for(self, source: str) -> str:
        """All that is to be known of a source, and of the daemon, in the order in which it was said first."""
        return " ".join(text for (of, _), text in self._texts.items() if of in {source, ""})

    def remove_source(self, source: str) -> None:
        """The source is gone."""
        self._texts = {key: text for key, text in self._texts.items() if key[0] != source}

    @property
    def all(self) -> list[Notice]:
        """Everything that stands."""
        return [Notice(source, about, text) for (source, about), text in self._texts.items()]


class SourceStatuses:
    """Of all sources."""

    def __init__(self) -> None:
        self._statuses: dict[str, Status] = {}  # without notices
        self._messages: dict[str, Message] = {}  # with them
        self._notices = Notices()

    @property
    def messages(self) -> list[Message]:
        """The last status of each source."""
        return list(self._messages.values())

    @property
    def states(self) -> dict[str, State]:
        """The state of each source."""
        return {name: status.state for name, status in self._statuses.items()}

    @property
    def notices(self) -> list[Notice]:
        """What is wrong now."""
        return self._notices.all

    def detail(self, source: str) -> str:
        """What there is to say of a source's state, without notices."""
        status = self._statuses.get(source)
        return status.detail if status else ""

    def update(self, message: Message) -> Message:
        """A status as it is to be told, with notices; other messages as they are."""
        event = message.event
        if not isinstance(event, Status):
            return message
        self._statuses[event.source] = event
        notices = self._notices.text_for(event.source)
        if notices:
            detail = f"{event.detail} {notices}".strip()
            message = make_message(replace(event, detail=detail), {**message.data, "detail": detail})
        self._messages[event.source] = message
        return message

    def set_notice(self, topic: str, text: str, source: str) -> list[Status]:
        """Sets a notice or takes it back, as ``Notices.set``; the statuses that are to be told again."""
        changed = self._notices.set(topic, text, source)
        return [status for status in self._statuses.values() if source in {"", status.source}] if changed else []

    def remove_source(self, source: str) -> None:
        """The source is gone."""
        for known in (self._statuses, self._messages):
            known.pop(source, None)
        self._notices.remove_source(source)
