"""How each source is, as viewers are told: its last status, with the notices that stand. Pure."""

from dataclasses import replace

from streamstt.events import State, Status
from streamstt.serve.notices import Notice, Notices
from streamstt.serve.protocol import Message, as_message


class Standing:
    """Of all sources."""

    def __init__(self) -> None:
        self._plain: dict[str, Status] = {}  # without notices
        self._told: dict[str, Message] = {}  # with them
        self._notices = Notices()

    @property
    def messages(self) -> list[Message]:
        """The last status of each source."""
        return list(self._told.values())

    @property
    def states(self) -> dict[str, State]:
        """The state of each source."""
        return {name: status.state for name, status in self._plain.items()}

    @property
    def notices(self) -> list[Notice]:
        """What is wrong now."""
        return self._notices.all

    def detail(self, source: str) -> str:
        """What there is to say of a source's state, without notices."""
        status = self._plain.get(source)
        return status.detail if status else ""

    def note(self, message: Message) -> Message:
        """A status as it is to be told, with notices; other messages as they are."""
        event = message.event
        if not isinstance(event, Status):
            return message
        self._plain[event.source] = event
        notices = self._notices.of(event.source)
        if notices:
            detail = f"{event.detail} {notices}".strip()
            message = as_message(replace(event, detail=detail), {**message.data, "detail": detail})
        self._told[event.source] = message
        return message

    def notify(self, about: str, text: str, source: str) -> list[Status]:
        """Sets a notice or takes it back, as ``Notices.set``; the statuses that are to be told again."""
        changed = self._notices.set(about, text, source)
        return [status for status in self._plain.values() if source in {"", status.source}] if changed else []

    def forget(self, source: str) -> None:
        """The source is gone."""
        for known in (self._plain, self._told):
            known.pop(source, None)
        self._notices.forget(source)
