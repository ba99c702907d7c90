"""Captions as turns of OpenAI's Realtime protocol, and the configuration of a session."""

from typing import Any

import pytest
from openai.types.realtime import RealtimeTranscriptionSessionCreateRequest as CurrentSession

from streamstt.compat.openai.errors import ApiError
from streamstt.compat.openai.session import SessionConfig, describe_session, update_config
from streamstt.compat.openai.turns import TurnTranslator
from streamstt.events import Event, Final, Gap, Partial, State, Status

CONFIG = SessionConfig(beta=False, model="base")


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
    """Speech starts, stable words are sent, speech stops, the turn is committed and completed with all deltas."""
    turns = TurnTranslator(beta=False)
    sent = take(turns, speech(0.5), partial(1, 0.6, "Hello", " wor"), partial(1, 0.6, "Hello world.", " It"))
    sent += take(turns, final(1, 0.6, "Hello world."), partial(2, 1.5, "", "It"), silence(2.5), final(2, 1.5, "It is."))
    assert kinds(sent) == ["speech_started", "delta", "delta", "speech_stopped", "committed", "added", "done", "delta"]
    (done,) = complete(turns)
    assert (deltas(sent), done["transcript"]) == ("Hello world. It is.", "Hello world. It is.")
    assert (sent[0]["audio_start_ms"], sent[3]["audio_end_ms"]) == (500, 2500)
    assert done["usage"] == {"type": "duration", "seconds": 2.0}
    items = {e.get("item_id") or e["item"]["id"] for e in [*sent, done]}
    assert len(items) == 1
    assert len({e["event_id"] for e in [*sent, done]}) == 9


def test_turns_follow_each_other() -> None:
    """A final of the previous turn may arrive after the next one has started; each turn names the previous one."""
    turns = TurnTranslator(beta=True)
    sent = take(turns, speech(0.5), silence(2.0), speech(2.4), final(1, 0.6, "One."), partial(2, 2.5, "Two"))
    first = ["speech_started", "speech_stopped", "committed", "created"]
    assert kinds(sent) == [*first, "speech_started", "delta", "delta"]
    assert sent[5]["item_id"] == sent[0]["item_id"] != sent[6]["item_id"] == sent[4]["item_id"]
    (done,) = complete(turns)
    assert done["transcript"] == "One."
    sent = take(turns, silence(4.0))
    assert sent[1]["previous_item_id"] == done["item_id"]


def test_a_caption_stays_in_the_turn_where_it_began() -> None:
    """A caption that continues after a silence belongs to the turn in which it started."""
    turns = TurnTranslator(beta=False)
    take(turns, speech(0.5), partial(1, 0.6, "So"), silence(2.0), speech(2.4))
    sent = take(turns, final(1, 0.6, "So what."))
    assert deltas(sent) == " what."
    assert sent[0]["item_id"] == turns.pop_ended()[0][0]


def test_the_client_commits() -> None:
    """Without turn detection, silences are ignored; a commit ends the turn and needs at least 0.1 s of audio."""
    turns = TurnTranslator(beta=False)
    turns.detects_turns = False
    assert deltas(take(turns, speech(0.5), partial(1, 0.6, "Hello"), silence(1.5), speech(1.8))) == "Hello"
    assert kinds(turns.commit(3.0)) == ["committed", "added", "done"]
    with pytest.raises(ApiError, match="needs at least 100 ms of audio, there are 50 ms"):
        turns.commit(3.05)
    assert kinds(turns.commit(4.0)) == ["committed", "added", "done"], "a turn without speech"
    take(turns, final(1, 0.6, "Hello there."))
    assert [done["transcript"] for done in complete(turns)] == ["Hello there.", ""]


@pytest.mark.parametrize("detects", [True, False])
def test_cleared_audio(detects: bool) -> None:
    """Words of audio that the client has cleared are not sent; later audio is another turn."""
    turns = TurnTranslator(beta=False)
    turns.detects_turns = detects
    take(turns, speech(0.5))
    assert kinds(turns.clear(1.0)) == ["cleared"]
    assert take(turns, partial(1, 0.6, "Never mind"), final(1, 0.6, "Never mind.")) == []
    assert complete(turns) == []
    sent = take(turns, speech(1.5), final(2, 1.6, "Good."))
    assert deltas(sent) == "Good."


def test_a_repeated_status() -> None:
    """A status is published again when its detail changes: this neither starts nor ends a turn."""
    turns = TurnTranslator(beta=False)
    sent = take(turns, silence(0.0), speech(0.5), speech(0.5), silence(2.0), silence(2.0), speech(0.5))
    assert kinds(sent) == ["speech_started", "speech_stopped", "committed", "added", "done"]


def test_lost_audio_fails() -> None:
    """A turn that was not transcribed because the engine failed is reported as failed, not as empty."""
    turns = TurnTranslator(beta=False)
    take(turns, speech(0.5), silence(2.0), Gap("x", 0.5, 2.0), speech(2.5), silence(4.0))
    assert kinds(complete(turns)) == ["failed", "completed"]


def test_the_end() -> None:
    """When the daemon stops, all turns are completed with the text known so far."""
    turns = TurnTranslator(beta=False)
    take(turns, speech(0.5), silence(2.0), speech(2.5), final(1, 2.6, "Still"))
    assert kinds(turns.close(3.0)) == ["committed", "added", "done", "completed", "completed"]


def test_spaceless_languages() -> None:
    """Captions in Japanese are joined without a space."""
    turns = TurnTranslator(beta=False)
    sent = take(turns, speech(0.5), final(1, 0.6, "はい。", "ja"), final(2, 1.6, "どうぞ。", "ja"))
    assert deltas(sent) == "はい。どうぞ。"


@pytest.mark.parametrize(
    ("audio_input", "param"),
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
def test_invalid_sessions(audio_input: dict[str, Any], param: str) -> None:
    """An invalid option is named."""
    with pytest.raises(ApiError) as caught:
        update_config(CONFIG, {"type": "transcription", "audio": {"input": audio_input}})
    assert caught.value.param == f"session.audio.input.{param}"


def test_only_what_is_mentioned_changes() -> None:
    """An update leaves other options unchanged; the description is valid for the SDK's type."""
    config = update_config(
        CONFIG, {"audio": {"input": {"turn_detection": None, "transcription": {"language": "de-AT"}}}}
    )
    config = update_config(config, {"audio": {"input": {"transcription": {"model": "whisper-1"}}}})
    assert config == SessionConfig(beta=False, model="whisper-1", language="de", detects_turns=False)
    sent = CurrentSession.model_validate(describe_session(config, "sess_1"), strict=True)
    assert sent.audio is not None
    assert sent.audio.input is not None
    assert sent.audio.input.turn_detection is None
    detected = update_config(config, {"audio": {"input": {"turn_detection": {"silence_duration_ms": 20}}}})
    assert (detected.detects_turns, detected.pause_ms) == (True, 300), "shorter pauses occur within sentences"
    for session in (None, {"type": "realtime"}):
        with pytest.raises(ApiError):
            update_config(CONFIG, session)


def test_the_beta_protocol() -> None:
    """Beta sessions are not nested, and G.711 is rejected there, too."""
    beta_config = SessionConfig(beta=True, model="whisper-1")
    session = {"input_audio_format": "pcm16", "input_audio_transcription": {"language": "en"}, "turn_detection": None}
    assert update_config(beta_config, session) == SessionConfig(
        beta=True, model="whisper-1", language="en", detects_turns=False
    )
    with pytest.raises(ApiError, match=r"G\.711"):
        update_config(beta_config, {"input_audio_format": "g711_ulaw"})
