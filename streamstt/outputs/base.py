"""What goes to a target, and what can become of it."""

import logging
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from typing import Protocol

from streamstt.hub.history import Resume
from streamstt.hub.hub import TOO_SLOW, Hub
from streamstt.hub.protocol import Message, to_json

log = logging.getLogger(__name__)

MAX_QUEUED = 10_000  # messages; whoever takes them only puts them into a queue of its own, so that few ever wait


async def subscribe_captions(hub: Hub, sources: Collection[str]) -> AsyncGenerator[Message, None]:
    """Yields what the hub publishes from now on, until it finishes.

    Args:
        hub: Where captions are published.
        sources: Names of those that are wanted; empty: all.
    """
    while True:
        now = Resume(hub.seq, hub.daemon_info.session)  # an outlet wants no history
        with hub.subscribe(now, queue=MAX_QUEUED, counted=False) as outbox:
            while (message := await outbox.get()) is not None:
                if isinstance(message, Message) and (not sources or message.event.source in sources):
                    yield message
            if outbox.close_reason is not TOO_SLOW:
                return
        log.error("more than %d messages came at once: some captions go to viewers only", MAX_QUEUED)


class TargetUnavailable(Exception):  # noqa: N818 - a state of the target, which passes, and no error of the user's
    """The target cannot take anything now; it is tried again.

    Attributes:
        retry_after_s: It asked not to be tried again sooner; 0: it did not say.
        report_now: That is no connection which has only idled too long: to try again at once will not help.
    """

    def __init__(self, reason: str, retry_after_s: float = 0, *, report_now: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.report_now = report_now


class CaptionRejected(Exception):  # noqa: N818 - as above
    """The target does not want this caption, and would not want it later either."""


class TargetGone(Exception):  # noqa: N818 - as above
    """The target wants nothing any more, until the next start."""


@dataclass(frozen=True, slots=True)
class CaptionItem:
    """One final caption with words in it, on its way.

    Attributes:
        message: As viewers get it.
        label: What people call its source.
        show_label: It has to be said whose it is: there are several sources.
        published_at: When it was published, on the event loop's clock (s).
    """

    message: Message
    label: str
    show_label: bool
    published_at: float

    @property
    def text(self) -> str:
        """What was said, on one line."""
        return " ".join(self.message.data["text"].split())

    @property
    def labeled_text(self) -> str:
        """The same with the speaker's label, if that has to be said."""
        return f"{self.label}: {self.text}" if self.show_label else self.text

    def json(self, session: str) -> str:
        """The final as viewers get it, with ``label`` and ``session``, which makes ``seq`` unique."""
        return to_json({**self.message.data, "label": self.label, "session": session})


class Target(Protocol):
    """A place that takes final captions one after the other.

    Attributes:
        is_open: Whether ``send`` can be tried.
    """

    @property
    def is_open(self) -> bool: ...  # noqa: D102 - said above

    async def open(self) -> None:
        """Connects, or asks for what has to be known first.

        Raises:
            Away: It cannot be done now.
            Over: It never can.
        """
        ...

    async def send(self, item: CaptionItem) -> bool:
        """Delivers; called again with the same parcel after ``TargetUnavailable``. False: nobody wants it just now.

        Raises:
            Away, Refused, Over: As they say.
        """
        ...

    async def wait_closed(self) -> None:
        """Returns when an open target is not so any more; a target that cannot know never returns."""
        ...

    async def close(self) -> None:
        """Closes what is open; never raises."""
        ...
