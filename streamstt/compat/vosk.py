"""``WS /vosk``: what vosk-server speaks (github.com/alphacep/vosk-server, websocket/asr_server.py).

Its clients send a piece of audio and wait for one answer, so each piece is answered at once with the newest state: what
has become final since the last answer, or else the words so far. Nothing waits for the engine but the last answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamstt.captioning.remote_source import RemoteSource
from streamstt.concurrency import first_completed
from streamstt.events import Event, Final, Partial, Word
from streamstt.hub.hub import Subscription
from streamstt.hub.protocol import ClientError, Message, parse_json_object, to_json
from streamstt.server.client_audio import ClientAudio, receive
from streamstt.server.endpoint import EndpointContext, close_connection
from streamstt.server.requests import parse_source_request


@dataclass(frozen=True, slots=True)
class VoskConfig:
    """What a client has configured; the defaults are vosk-server's.

    Attributes:
        rate: Samples a second.
        words: Whether results tell each word's time.
        alternatives: More than 0: results are lists of one alternative.
    """

    rate: int = 8000
    words: bool = True
    alternatives: int = 0


def update_config(current: VoskConfig, config: Mapping[str, Any]) -> VoskConfig:
    """Takes what is known of a ``config`` message; ``phrase_list``, ``model`` and whatever else is passed over.

    Raises:
        ClientError: A value is no number.
    """
    try:
        return VoskConfig(
            int(config.get("sample_rate", current.rate)),
            bool(config.get("words", current.words)),
            int(config.get("max_alternatives", current.alternatives)),
        )
    except (TypeError, ValueError, OverflowError) as problem:
        raise ClientError("bad_config", f"sample_rate and max_alternatives must be numbers: {problem}") from problem


def format_result(finals: Sequence[Final], config: VoskConfig) -> dict[str, Any]:
    """What Vosk's ``Result`` gives, of all finals together."""
    text = " ".join(final.text for final in finals)
    spoken = [word for final in finals for word in final.words]
    if config.alternatives > 0:
        words = [{key: value for key, value in _format_word(w).items() if key != "conf"} for w in spoken]
        mean = round(sum(w.probability for w in spoken) / len(spoken), 3) if spoken else 0.0
        return {"alternatives": [{"confidence": mean} | ({"result": words} if config.words else {}) | {"text": text}]}
    return ({"result": [_format_word(w) for w in spoken]} if config.words and spoken else {}) | {"text": text}


def format_reply(events: Iterable[Event], partial: str, config: VoskConfig) -> tuple[dict[str, Any], str]:
    """The answer to a piece of audio, and the words so far that the next answer may need.

    Args:
        events: What was published since the last answer.
        partial: The words so far, as of then.
        config: The client's.
    """
    finals = []
    for event in events:
        match event:
            case Partial():
                partial = event.text
            case Final():
                finals += [event] if event.text else []
                partial = ""
    return (format_result(finals, config) if finals else {"partial": partial}), partial


async def serve_vosk(context: EndpointContext) -> None:
    """Takes audio, and answers each piece, until the client ends it or leaves.

    Raises:
        ClientError: It asks for what it cannot have.
    """
    offer = parse_source_request(context.target, "vosk")
    stream = context.ingest.add_remote_source(offer)
    try:
        with context.hub.subscribe(source=stream.name) as outbox:
            talk = _VoskSession(context, stream, outbox)
            await first_completed(talk.run(), outbox.wait_finished())
            await talk.send_last_result()
    finally:
        stream.close()  # before the goodbye: whoever has read that finds the place free
    await close_connection(context.socket, outbox.close_reason)


class _VoskSession:
    """One client's."""

    def __init__(self, context: EndpointContext, stream: RemoteSource, subscription: Subscription) -> None:
        self._socket = context.socket
        self._idle_s = context.idle_s
        self._subscription = subscription
        self._config = VoskConfig()
        self._audio = ClientAudio(stream, context.hub, self._config.rate)
        self._partial = ""
        self._client_finished = False  # for the last result

    async def run(self) -> None:
        """Answers until the client says that it was all; the last answer is ``end``'s."""
        while not self._client_finished:
            message = await receive(self._socket, self._idle_s)
            if isinstance(message, bytes):
                await self._audio.push(message)
                reply, self._partial = format_reply(self._take_events(), self._partial, self._config)
                await self._socket.send(to_json(reply))
            else:
                await self._handle_control(parse_json_object(message, "text must be a JSON object; audio is binary"))

    async def send_last_result(self) -> None:
        """Tells all that is not told yet; when the daemon stops, unasked, if there is something."""
        finals = _spoken_finals(self._take_events())
        if finals or self._client_finished:
            await self._socket.send(to_json(format_result(finals, self._config)))

    async def _handle_control(self, message: Mapping[str, Any]) -> None:
        if isinstance(config := message.get("config"), dict):
            self._config = update_config(self._config, config)
            self._audio.set_format(self._config.rate)
        elif message.get("eof") or message.get("reset"):
            self._client_finished = bool(message.get("eof"))
            await self._audio.drain()
            if not self._client_finished:
                self._partial = ""
                await self._socket.send(to_json(format_result(_spoken_finals(self._take_events()), self._config)))
        else:
            raise ClientError("bad_message", 'text can be {"config":{...}}, {"eof":1} or {"reset":1}', 1003)

    def _take_events(self) -> list[Event]:
        return [item.event for item in self._subscription.get_all_nowait() if isinstance(item, Message)]


def _spoken_finals(events: Iterable[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final) and event.text]


def _format_word(word: Word) -> dict[str, Any]:
    return {"conf": word.probability, "end": word.end, "start": word.start, "word": word.text}
