"""Captions as turns, in OpenAI's words, and what a session asks for."""

from typing import Any

import pytest
from openai.types.realtime import RealtimeTranscriptionSessionCreateRequest as Present

from streamstt.compat.openai.errors import ApiError
from streamstt.compat.openai.session import SessionConfig, describe_session, update_config
from streamstt.compat.openai.turns import TurnTranslator
from streamstt.events import Event, Final, Gap, Partial, State, Status

WISHES = SessionConfig(beta=False, model="base")


def speech(at: float) -> Status:
    return Status("x", State.SPEECH, time=at)


def silence(at: float) -> Status:
    return Status("x", State.LISTENING, time=at)


def partial(n: int, start: float, stable: str, rest: str = "", language: str = "en") -> Partial:
    return Partial("x", f"x-{n}", 1, start, start + 1, stable + rest, len(stable), language)


def final(n: int, start: float, text: str, language: str = "en") -> Final:
    return Final("x", f"x-{n}", 2, start, start + 1, text, (), language)


def take(turns: TurnTranslator, *events: Event) -> list[dict[str, Any]]:
    return [data for event in events for data in turns.translate(event)]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [e["type"].rsplit(".", 1)[-1] for e in events]


def deltas(events: list[dict[str, Any]]) -> str:
    return "".join(e["delta"] for e in events if e["type"].endswith(".delta"))


def complete(turns: TurnTranslator) -> list[dict[str, Any]]:
    return [data for item, _ in turns.pop_ended() for data in turns.complete_turn(item)]


def test_a_turn_from_its_beginning_to_its_end() -> None:
    """Speech starts, words come as they are sure, it stops, is committed, and completed with all that was told."""
    turns = TurnTranslator(beta=False)
    told = take(turns, speech(0.5), partial(1, 0.6, "Hello", " wor"), partial(1, 0.6, "Hello world.", " It"))
    told += take(turns, final(1, 0.6, "Hello world."), partial(2, 1.5, "", "It"), silence(2.5), final(2, 1.5, "It is."))
    assert kinds(told) == ["speech_started", "delta", "delta", "speech_stopped", "committed", "added", "done", "delta"]
    (done,) = complete(turns)
    assert (deltas(told), done["transcript"]) == ("Hello world. It is.", "Hello world. It is.")
    assert (told[0]["audio_start_ms"], told[3]["audio_end_ms"]) == (500, 2500)
    assert done["usage"] == {"type": "duration", "seconds": 2.0}
    items = {e.get("item_id") or e["item"]["id"] for e in [*told, done]}
    assert len(items) == 1
    assert len({e["event_id"] for e in [*told, done]}) == 9


def test_turns_follow_each_other() -> None:
    """A final that comes after the next turn has begun is of the turn before; each names the one before it."""
    turns = TurnTranslator(beta=True)
    told = take(turns, speech(0.5), silence(2.0), speech(2.4), final(1, 0.6, "One."), partial(2, 2.5, "Two"))
    began = ["speech_started", "speech_stopped", "committed", "created"]
    assert kinds(told) == [*began, "speech_started", "delta", "delta"]
    assert told[5]["item_id"] == told[0]["item_id"] != told[6]["item_id"] == told[4]["item_id"]
    (done,) = complete(turns)
    assert done["transcript"] == "One."
    told = take(turns, silence(4.0))
    assert told[1]["previous_item_id"] == done["item_id"]


def test_a_caption_stays_in_the_turn_where_it_began() -> None:
    """Utterances that are heard as one have captions that go over the silence."""
    turns = TurnTranslator(beta=False)
    take(turns, speech(0.5), partial(1, 0.6, "So"), silence(2.0), speech(2.4))
    told = take(turns, final(1, 0.6, "So what."))
    assert deltas(told) == " what."
    assert told[0]["item_id"] == turns.pop_ended()[0][0]


def test_the_client_commits() -> None:
    """Without detection silences mean nothing; a commit ends the turn, and needs a tenth of a second of audio."""
    turns = TurnTranslator(beta=False)
    turns.detects_turns = False
    assert deltas(take(turns, speech(0.5), partial(1, 0.6, "Hello"), silence(1.5), speech(1.8))) == "Hello"
    assert kinds(turns.commit(3.0)) == ["committed", "added", "done"]
    with pytest.raises(ApiError, match="needs 100 ms of audio, there are 50 ms"):
        turns.commit(3.05)
    assert kinds(turns.commit(4.0)) == ["committed", "added", "done"], "nothing was said in it"
    take(turns, final(1, 0.6, "Hello there."))
    assert [done["transcript"] for done in complete(turns)] == ["Hello there.", ""]


@pytest.mark.parametrize("detects", [True, False])
def test_what_is_cleared_is_not_told(detects: bool) -> None:
    """Of audio that the client has cleared it hears no more; what comes later is another turn."""
    turns = TurnTranslator(beta=False)
    turns.detects_turns = detects
    take(turns, speech(0.5))
    assert kinds(turns.clear(1.0)) == ["cleared"]
    assert take(turns, partial(1, 0.6, "Never mind"), final(1, 0.6, "Never mind.")) == []
    assert complete(turns) == []
    told = take(turns, speech(1.5), final(2, 1.6, "Good."))
    assert deltas(told) == "Good."


def test_a_repeated_status_is_no_news() -> None:
    """A status is published again when its notice changes: no turn begins or ends by that."""
    turns = TurnTranslator(beta=False)
    told = take(turns, silence(0.0), speech(0.5), speech(0.5), silence(2.0), silence(2.0), speech(0.5))
    assert kinds(told) == ["speech_started", "speech_stopped", "committed", "added", "done"]


def test_lost_audio_fails() -> None:
    """A turn of which nothing was heard because the engine failed is told as failed, not as silence."""
    turns = TurnTranslator(beta=False)
    take(turns, speech(0.5), silence(2.0), Gap("x", 0.5, 2.0), speech(2.5), silence(4.0))
    assert kinds(complete(turns)) == ["failed", "completed"]


def test_the_end() -> None:
    """When the daemon stops, the client gets what is known of every turn."""
    turns = TurnTranslator(beta=False)
    take(turns, speech(0.5), silence(2.0), speech(2.5), final(1, 2.6, "Still"))
    assert kinds(turns.close(3.0)) == ["committed", "added", "done", "completed", "completed"]


def test_no_spaces_where_there_are_none() -> None:
    """Captions in Japanese are put together without a space."""
    turns = TurnTranslator(beta=False)
    told = take(turns, speech(0.5), final(1, 0.6, "はい。", "ja"), final(2, 1.6, "どうぞ。", "ja"))
    assert deltas(told) == "はい。どうぞ。"


@pytest.mark.parametrize(
    ("heard", "param"),
    [
        ({"format": {"type": "audio/pcmu"}}, "format"),
        ({"format": {"type": "audio/pcm", "rate": 16000}}, "format"),
        ({"turn_detection": {"type": "semantic_vad"}}, "turn_detection.type"),
        ({"turn_detection": {"type": "server_vad", "silence_duration_ms": "x"}}, "turn_detection.silence_duration_ms"),
        ({"turn_detection": {"silence_duration_ms": float("nan")}}, "turn_detection.silence_duration_ms"),
        ({"transcription": {"language": "English, please"}}, "transcription.language"),
        ({"transcription": {"model": 7}}, "transcription.model"),
        ({"transcription": []}, "transcription"),
    ],
)
def test_what_a_session_cannot_be(heard: dict[str, Any], param: str) -> None:
    """Each wish that cannot be had is named."""
    with pytest.raises(ApiError) as caught:
        update_config(WISHES, {"type": "transcription", "audio": {"input": heard}})
    assert caught.value.param == f"session.audio.input.{param}"


def test_only_what_is_mentioned_changes() -> None:
    """An update leaves the rest as it was; the client is told of all of it, in the SDK's shape."""
    wishes = update_config(
        WISHES, {"audio": {"input": {"turn_detection": None, "transcription": {"language": "de-AT"}}}}
    )
    wishes = update_config(wishes, {"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
    assert wishes == SessionConfig(beta=False, model="whisper-1", language="de", detects_turns=False)
    told = Present.model_validate(describe_session(wishes, "sess_1"), strict=True)
    assert told.audio is not None
    assert told.audio.input is not None
    assert told.audio.input.turn_detection is None
    detected = update_config(wishes, {"audio": {"input": {"turn_detection": {"silence_duration_ms": 20}}}})
    assert (detected.detects_turns, detected.pause_ms) == (True, 300), "a shorter pause is within sentences"
    for session in (None, {"type": "realtime"}):
        with pytest.raises(ApiError):
            update_config(WISHES, session)


def test_the_former_dialect() -> None:
    """Its fields are flat, and G.711 is refused there as well."""
    former = SessionConfig(beta=True, model="whisper-1")
    session = {"input_audio_format": "pcm16", "input_audio_transcription": {"language": "en"}, "turn_detection": None}
    assert update_config(former, session) == SessionConfig(
        beta=True, model="whisper-1", language="en", detects_turns=False
    )
    with pytest.raises(ApiError, match=r"G\.711"):
        update_config(former, {"input_audio_format": "g711_ulaw"})
