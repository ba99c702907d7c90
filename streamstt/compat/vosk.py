"""``WS /vosk``: what vosk-server speaks (github.com/alphacep/vosk-server, websocket/asr_server.py).

Its clients send a piece of audio and wait for one answer, so each piece is answered at once with the newest state: what
has become final since the last answer, or else the words so far. Nothing waits for the engine but the last answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamstt.compat.client_audio import Feed, as_object, hear
from streamstt.concurrency import first_completed
from streamstt.events import Event, Final, Partial, Word
from streamstt.hub.hub import Subscription
from streamstt.hub.protocol import ClientError, Message, to_json
from streamstt.server.endpoint import EndpointContext, RemoteStream, close_connection
from streamstt.server.requests import parse_source_request


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client has configured; the defaults are vosk-server's.

    Attributes:
        rate: Samples a second.
        words: Whether results tell each word's time.
        alternatives: More than 0: results are lists of one alternative.
    """

    rate: int = 8000
    words: bool = True
    alternatives: int = 0


def configure(wishes: Wishes, config: Mapping[str, Any]) -> Wishes:
    """Takes what is known of a ``config`` message; ``phrase_list``, ``model`` and whatever else is passed over.

    Raises:
        ClientError: A value is no number.
    """
    try:
        return Wishes(
            int(config.get("sample_rate", wishes.rate)),
            bool(config.get("words", wishes.words)),
            int(config.get("max_alternatives", wishes.alternatives)),
        )
    except (TypeError, ValueError, OverflowError) as problem:
        raise ClientError("bad_config", f"sample_rate and max_alternatives must be numbers: {problem}") from problem


def result(finals: Sequence[Final], wishes: Wishes) -> dict[str, Any]:
    """What Vosk's ``Result`` gives, of all finals together."""
    text = " ".join(final.text for final in finals)
    spoken = [word for final in finals for word in final.words]
    if wishes.alternatives > 0:
        words = [{key: value for key, value in _word(w).items() if key != "conf"} for w in spoken]
        mean = round(sum(w.probability for w in spoken) / len(spoken), 3) if spoken else 0.0
        return {"alternatives": [{"confidence": mean} | ({"result": words} if wishes.words else {}) | {"text": text}]}
    return ({"result": [_word(w) for w in spoken]} if wishes.words and spoken else {}) | {"text": text}


def answer(events: Iterable[Event], partial: str, wishes: Wishes) -> tuple[dict[str, Any], str]:
    """The answer to a piece of audio, and the words so far that the next answer may need.

    Args:
        events: What was published since the last answer.
        partial: The words so far, as of then.
        wishes: The client's.
    """
    finals = []
    for event in events:
        match event:
            case Partial():
                partial = event.text
            case Final():
                finals += [event] if event.text else []
                partial = ""
    return (result(finals, wishes) if finals else {"partial": partial}), partial


async def serve_vosk(visitor: EndpointContext) -> None:
    """Takes audio, and answers each piece, until the client ends it or leaves.

    Raises:
        ClientError: It asks for what it cannot have.
    """
    offer = parse_source_request(visitor.target, "vosk")
    stream = visitor.ingest.admit(offer)
    try:
        with visitor.hub.subscribe(source=stream.name) as outbox:
            talk = _Talk(visitor, stream, outbox)
            await first_completed(talk.run(), outbox.wait_finished())
            await talk.end()
    finally:
        stream.close()  # before the goodbye: whoever has read that finds the place free
    await close_connection(visitor.socket, outbox.close_reason)


class _Talk:
    """One client's."""

    def __init__(self, visitor: EndpointContext, stream: RemoteStream, outbox: Subscription) -> None:
        self._socket = visitor.socket
        self._idle_s = visitor.idle_s
        self._outbox = outbox
        self._wishes = Wishes()
        self._feed = Feed(stream, visitor.hub, self._wishes.rate)
        self._partial = ""
        self._asked = False  # for the last result

    async def run(self) -> None:
        """Answers until the client says that it was all; the last answer is ``end``'s."""
        while not self._asked:
            message = await hear(self._socket, self._idle_s)
            if isinstance(message, bytes):
                await self._feed.push(message)
                reply, self._partial = answer(self._events(), self._partial, self._wishes)
                await self._socket.send(to_json(reply))
            else:
                await self._obey(as_object(message))

    async def end(self) -> None:
        """Tells all that is not told yet; when the daemon stops, unasked, if there is something."""
        finals = _finals(self._events())
        if finals or self._asked:
            await self._socket.send(to_json(result(finals, self._wishes)))

    async def _obey(self, wish: Mapping[str, Any]) -> None:
        if isinstance(config := wish.get("config"), dict):
            self._wishes = configure(self._wishes, config)
            self._feed.form(self._wishes.rate)
        elif wish.get("eof") or wish.get("reset"):
            self._asked = bool(wish.get("eof"))
            await self._feed.settle()
            if not self._asked:
                self._partial = ""
                await self._socket.send(to_json(result(_finals(self._events()), self._wishes)))
        else:
            raise ClientError("bad_message", 'text can be {"config":{...}}, {"eof":1} or {"reset":1}', 1003)

    def _events(self) -> list[Event]:
        return [item.event for item in self._outbox.get_all_nowait() if isinstance(item, Message)]


def _finals(events: Iterable[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final) and event.text]


def _word(word: Word) -> dict[str, Any]:
    return {"conf": word.probability, "end": word.end, "start": word.start, "word": word.text}
