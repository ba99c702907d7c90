"""``WS /vosk``: the protocol of vosk-server (github.com/alphacep/vosk-server, websocket/asr_server.py).

Its clients send a piece of audio and wait for one reply, so each piece is answered at once with the newest state: the
finals since the last reply, or else the partial. Only the last reply waits for the engine.
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
    """A client's configuration; the defaults are those of vosk-server.

    Attributes:
        rate: Sample rate (Hz).
        words: Whether results have the time of each word.
        alternatives: If greater than 0, results are lists of one alternative.
    """

    rate: int = 8000
    words: bool = True
    alternatives: int = 0


def update_config(current: VoskConfig, config: Mapping[str, Any]) -> VoskConfig:
    """Applies a ``config`` message; ``phrase_list``, ``model`` and unknown keys are ignored.

    Raises:
        ClientError: A value is not a number.
    """
    try:
        return VoskConfig(
            int(config.get("sample_rate", current.rate)),
            bool(config.get("words", current.words)),
            int(config.get("max_alternatives", current.alternatives)),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ClientError("bad_config", f"sample_rate and max_alternatives must be numbers: {error}") from error


def format_result(finals: Sequence[Final], config: VoskConfig) -> dict[str, Any]:
    """Makes one Vosk ``Result`` of all finals together."""
    text = " ".join(final.text for final in finals)
    all_words = [word for final in finals for word in final.words]
    if config.alternatives > 0:
        words = [{key: value for key, value in _format_word(w).items() if key != "conf"} for w in all_words]
        mean = round(sum(w.probability for w in all_words) / len(all_words), 3) if all_words else 0.0
        return {"alternatives": [{"confidence": mean} | ({"result": words} if config.words else {}) | {"text": text}]}
    return ({"result": [_format_word(w) for w in all_words]} if config.words and all_words else {}) | {"text": text}


def format_reply(events: Iterable[Event], partial: str, config: VoskConfig) -> tuple[dict[str, Any], str]:
    """Makes the reply to a piece of audio.

    Args:
        events: Events since the last reply.
        partial: Text of the partial as of the last reply.
        config: The client's configuration.

    Returns:
        The reply, and the text of the partial now, for the next call.
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
    """Receives audio and answers each piece until the client ends the stream or disconnects.

    Raises:
        ClientError: A message or request is invalid.
    """
    stream = context.ingest.add_remote_source(parse_source_request(context.target, "vosk"))
    try:
        with context.hub.subscribe(source=stream.name) as subscription:
            session = _VoskSession(context, stream, subscription)
            await first_completed(session.run(), subscription.wait_finished())
            await session.send_last_result()
    finally:
        stream.close()  # before closing: a client that has seen the close can count on its slot being free
    await close_connection(context.socket, subscription.close_reason)


class _VoskSession:
    """Session of one client.

    Receives and replies in turn; it must not wait for the engine except for the last result.
    """

    def __init__(self, context: EndpointContext, stream: RemoteSource, subscription: Subscription) -> None:
        self._socket = context.socket
        self._idle_s = context.idle_s
        self._subscription = subscription
        self._config = VoskConfig()
        self._audio = ClientAudio(stream, context.hub, self._config.rate)
        self._partial = ""
        self._client_finished = False  # and waits for the last result

    async def run(self) -> None:
        """Receives audio and replies until the client ends the stream; ``send_last_result`` sends the last reply."""
        while not self._client_finished:
            message = await receive(self._socket, self._idle_s)
            if isinstance(message, bytes):
                await self._audio.push(message)
                reply, self._partial = format_reply(self._take_events(), self._partial, self._config)
                await self._socket.send(to_json(reply))
            else:
                await self._handle_control(parse_json_object(message, "text must be a JSON object; audio is binary"))

    async def send_last_result(self) -> None:
        """Sends the finals that were not sent yet; if the daemon stops before the client has finished, only if any."""
        finals = _finals_with_text(self._take_events())
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
                await self._socket.send(to_json(format_result(_finals_with_text(self._take_events()), self._config)))
        else:
            raise ClientError("bad_message", 'text must be {"config":{...}}, {"eof":1} or {"reset":1}', 1003)

    def _take_events(self) -> list[Event]:
        return [item.event for item in self._subscription.get_all_nowait() if isinstance(item, Message)]


def _finals_with_text(events: Iterable[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final) and event.text]


def _format_word(word: Word) -> dict[str, Any]:
    return {"conf": word.probability, "end": word.end, "start": word.start, "word": word.text}
