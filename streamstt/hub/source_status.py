"""The last status of each source, with the notices in force. Pure."""

from dataclasses import dataclass, replace

from streamstt.events import State, Status
from streamstt.hub.protocol import Message, make_message

# Topics that only the daemon's operator can do something about. They are in /healthz, the log and the dashboard, not
# on the screens of everybody who reads captions.
OPERATOR_TOPICS = {"late", "overflow", "settings", "access", "model"}


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for people about a source, or with an empty ``source`` about the whole daemon."""

    source: str
    topic: str
    text: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}" if self.source else self.text


class Notices:
    """Notices by source and topic; each is in force until it is cleared."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    def set(self, topic: str, text: str, source: str = "") -> bool:
        """Sets a notice, or clears it with an empty text; returns whether that changed anything.

        Args:
            topic: What it is about, such as ``late`` or ``disk``; there is one notice for each.
            text: A sentence for people.
            source: Name of the source; empty: the whole daemon.
        """
        if self._texts.get((source, topic), "") == text:
            return False
        if text:
            self._texts[source, topic] = text
        else:
            del self._texts[source, topic]
        return True

    def text_for(self, source: str) -> str:
        """Returns what viewers are told about a source and the daemon as one text, oldest first."""
        return " ".join(
            text for (of, topic), text in self._texts.items() if of in {source, ""} and topic not in OPERATOR_TOPICS
        )

    def remove_source(self, source: str) -> None:
        """Removes the notices of a source."""
        self._texts = {key: text for key, text in self._texts.items() if key[0] != source}

    @property
    def all(self) -> list[Notice]:
        """All notices in force."""
        return [Notice(source, topic, text) for (source, topic), text in self._texts.items()]


class SourceStatuses:
    """Keeps the last status of each source, and adds the notices for viewers to it."""

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
        """All notices in force."""
        return self._notices.all

    def detail(self, source: str) -> str:
        """Returns the detail of a source's last status, without notices."""
        status = self._statuses.get(source)
        return status.detail if status else ""

    def update(self, message: Message) -> Message:
        """Keeps a status, and returns it with its notices; returns other messages as they are."""
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
        """Sets or clears a notice, as ``Notices.set``; returns the statuses that must be published again."""
        changed = self._notices.set(topic, text, source) and topic not in OPERATOR_TOPICS
        return [status for status in self._statuses.values() if source in {"", status.source}] if changed else []

    def remove_source(self, source: str) -> None:
        """Removes a source with its notices."""
        self._statuses.pop(source, None)
        self._messages.pop(source, None)
        self._notices.remove_source(source)
