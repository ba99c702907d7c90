"""What outlets take from the hub."""

import logging
from collections.abc import AsyncGenerator, Collection

from streamstt.hub.history import Resume
from streamstt.hub.hub import TOO_SLOW, Hub
from streamstt.hub.protocol import Message

QUEUE = 10_000  # messages; whoever takes them only puts them into a queue of its own, so that few ever wait

log = logging.getLogger(__name__)


async def published(hub: Hub, sources: Collection[str]) -> AsyncGenerator[Message, None]:
    """Yields what the hub publishes from now on, until it finishes.

    Args:
        hub: Where captions are published.
        sources: Names of those that are wanted; empty: all.
    """
    while True:
        now = Resume(hub.seq, hub.about.session)  # an outlet wants no history
        with hub.subscribe(now, queue=QUEUE, viewer=False) as outbox:
            while (message := await outbox.get()) is not None:
                if isinstance(message, Message) and (not sources or message.event.source in sources):
                    yield message
            if outbox.farewell is not TOO_SLOW:
                return
        log.error("more than %d messages came at once: some captions go to viewers only", QUEUE)
