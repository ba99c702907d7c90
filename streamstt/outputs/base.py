"""The interface of targets: what they receive, and how they fail."""

import logging
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from typing import Protocol

from streamstt.hub.history import Resume
from streamstt.hub.hub import TOO_SLOW, Hub
from streamstt.hub.protocol import Message, to_json

log = logging.getLogger(__name__)

MAX_QUEUED = 10_000  # messages; subscribers only move them into queues of their own, so few ever wait


async def subscribe_captions(hub: Hub, sources: Collection[str]) -> AsyncGenerator[Message, None]:
    """Yields what the hub publishes from now on, until the hub finishes.

    Args:
        hub: Where captions are published.
        sources: Names of the sources to include; empty: all.
    """
    while True:
        now = Resume(hub.seq, hub.daemon_info.session)  # without history
        with hub.subscribe(now, queue=MAX_QUEUED, counted=False) as subscription:
            while (message := await subscription.get()) is not None:
                if isinstance(message, Message) and (not sources or message.event.source in sources):
                    yield message
            if subscription.close_reason is not TOO_SLOW:
                return
        log.error("more than %d messages came at once: some captions did not reach an output", MAX_QUEUED)


class TargetUnavailable(Exception):  # noqa: N818 - a passing state of the target, not an error of the user
    """The target cannot take captions now, and is to be tried again.

    Attributes:
        retry_after_s: The target asked not to be tried again sooner (s); 0: it did not.
        report_now: Not a stale keep-alive connection, so an immediate retry will not help: report it at once.
    """

    def __init__(self, reason: str, retry_after_s: float = 0, *, report_now: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.report_now = report_now


class CaptionRejected(Exception):  # noqa: N818 - an outcome, not an error of the user
    """The target refuses this caption for good; a retry would not help."""


class TargetGone(Exception):  # noqa: N818 - a state of the target, not an error of the user
    """The target takes no more captions until the daemon is started again."""


@dataclass(frozen=True, slots=True)
class CaptionItem:
    """One final caption, or a revision, to be delivered; its text is not empty.

    Attributes:
        message: The final or revision, as viewers receive it.
        label: The source's name for users.
        show_label: Whether to prefix the label, because there are several sources.
        published_at: When it was published, in seconds of the event loop's clock.
    """

    message: Message
    label: str
    show_label: bool
    published_at: float

    @property
    def text(self) -> str:
        """The text on one line."""
        return " ".join(self.message.data["text"].split())

    @property
    def labeled_text(self) -> str:
        """The text on one line, with the label before it if ``show_label``."""
        return f"{self.label}: {self.text}" if self.show_label else self.text

    def json(self, session: str) -> str:
        """Encodes the final with ``label`` and ``session``, which makes ``seq`` unique."""
        return to_json({**self.message.data, "label": self.label, "session": session})


class Target(Protocol):
    """A program or service that takes final captions one after the other."""

    @property
    def is_open(self) -> bool:
        """Whether ``send`` can be called."""
        ...

    async def open(self) -> None:
        """Connects, or reads what ``send`` needs.

        Raises:
            TargetUnavailable: It fails now.
            TargetGone: It will never succeed.
        """
        ...

    async def send(self, item: CaptionItem) -> bool:
        """Delivers a caption; called again with the same item after ``TargetUnavailable``.

        Returns:
            True if it was delivered; False if the target has no use for it now, such as a stream that has not begun.

        Raises:
            TargetUnavailable: It was not delivered, and is to be sent again.
            CaptionRejected: The target refuses this caption.
            TargetGone: The target takes no more captions.
        """
        ...

    async def wait_closed(self) -> None:
        """Waits until an open target is closed from its side; never returns if the target cannot notice."""
        ...

    async def close(self) -> None:
        """Closes the connection; never raises."""
        ...
