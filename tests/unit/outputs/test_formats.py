"""The exact bytes that targets are sent."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streamstt.config.outputs import ObsSettings
from streamstt.events import Final, Revised
from streamstt.hub.protocol import encode
from streamstt.outputs.base import CaptionItem, TargetUnavailable
from streamstt.outputs.http_client import HttpResponse, add_query, parse_retry_after
from streamstt.outputs.local import format_line
from streamstt.outputs.obs.protocol import (
    ObsProtocolError,
    authentication_string,
    encode_identify,
    encode_request,
    parse_message,
    parse_status,
)
from streamstt.outputs.obs.stream_captions import split_caption
from streamstt.outputs.obs.text_source import RollUpText
from streamstt.outputs.webhook import make_headers, signature
from streamstt.outputs.youtube import make_body
from streamstt.outputs.zoom import caption_url, parse_last_seq, seq_url
from tests.support.captions import final, partial

# The example on Zoom's page.
ZOOM = "https://wmcapi.zoom.us/closedcaption?id=200610693&ns=GZHkEA==&expire=86400&spparams=id%2Cns%2Cexpire&signature=nYtXJqRKCW"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def caption_item(text: str, *, label: str = "Desk", show_label: bool = False) -> CaptionItem:
    return CaptionItem(encode(final(text), 7, "2026-11-25T12:00:00.000+00:00"), label, show_label, 0.0)


# ---- all targets


def test_labels() -> None:
    """With several sources the label precedes the text; a text is always one line."""
    assert caption_item("It is\nsaid. ").labeled_text == "It is said."
    assert caption_item("It is said.", show_label=True).labeled_text == "Desk: It is said."


def test_lines_for_programs() -> None:
    """A line is the text, or the final as JSON with label and session."""
    assert format_line(caption_item("Grüße."), "text", "run-1") == "Grüße.\n".encode()
    line = format_line(caption_item("Grüße."), "json", "run-1")
    assert line.count(b"\n") == 1
    data = json.loads(line)
    assert (data["type"], data["seq"], data["text"]) == ("final", 7, "Grüße.")
    assert (data["label"], data["session"], data["at"]) == ("Desk", "run-1", "2026-11-25T12:00:00.000+00:00")


# ---- OBS


def test_obs_authentication() -> None:
    """The example of obs-websocket's protocol.md; its result is what its other clients' tests expect."""
    salt, challenge = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=", "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="
    proof = authentication_string("supersecretpassword", salt, challenge)
    assert proof == "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="
    hello = {"rpcVersion": 1, "authentication": {"salt": salt, "challenge": challenge}}
    answer = json.loads(encode_identify(hello, "supersecretpassword"))
    assert answer == {"op": 1, "d": {"rpcVersion": 1, "authentication": proof, "eventSubscriptions": 0}}
    assert "authentication" not in json.loads(encode_identify({"rpcVersion": 1}, "unasked"))["d"]


def test_obs_requests() -> None:
    """Requests and statuses are those in the examples of protocol.md."""
    request = json.loads(encode_request("SendStreamCaption", "1", {"captionText": "Hello"}))
    data = {"requestType": "SendStreamCaption", "requestId": "1", "requestData": {"captionText": "Hello"}}
    assert request == {"op": 6, "d": data}
    failed = parse_status({"requestStatus": {"result": False, "code": 608, "comment": "Parameter: sceneName"}})
    assert (failed.ok, failed.code, str(failed)) == (False, 608, "status 608, Parameter: sceneName")
    assert parse_status({"requestStatus": {"result": True, "code": 100}}).ok


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"op":"0","d":{}}', '{"op":0,"d":1}', "[" * 100_000])
def test_invalid_messages(text: str) -> None:
    """Messages of another server are recognized as such."""
    with pytest.raises(ObsProtocolError):
        parse_message(text)


@pytest.mark.parametrize("status", [None, {}, {"result": True, "code": "x"}, []])
def test_invalid_statuses(status: Any) -> None:
    """A response without a valid status is an error."""
    with pytest.raises(ObsProtocolError):
        parse_status({"requestStatus": status})


def test_closed_captions_are_wrapped() -> None:
    """At most three lines of 32 characters are shown; longer captions are split, and no word is lost."""
    text = "Every word of this has been written down before, and it is said again so that the tests know it by heart."
    parts = split_caption(text, "en", ObsSettings())
    assert " ".join(" ".join(parts).split()) == text
    assert [len(part.split("\n")) for part in parts] == [3, 1] or len(parts) == 2
    assert all(len(line) <= 32 for part in parts for line in part.split("\n"))
    wide = split_caption(text, "en", ObsSettings(line_chars=100, lines=1))
    assert all(len(line) <= 32 for line in wide)  # CEA-608 has no more


def test_a_text_source_rolls_up() -> None:
    """It shows the last lines; a full line does not change while words are added."""
    roll_up = RollUpText(12, 2)
    roll_up.update(partial("One two"))
    assert roll_up.text == "One two"
    roll_up.update(final("One two three four."))
    assert roll_up.text == "One two\nthree four."
    roll_up.update(partial("Five", number=2))
    assert roll_up.text == "three four.\nFive"
    roll_up.update(partial("Five six seven", number=2, rev=2))
    assert roll_up.text == "Five six\nseven"
    roll_up.clear()
    assert roll_up.text == ""


def test_a_text_source_removes_partials() -> None:
    """A partial that turned out not to be speech is removed; one of another source stays."""
    roll_up = RollUpText(40, 2)
    roll_up.update(final("Good morning."))
    roll_up.update(partial("Uh"))
    roll_up.update(final("", source="door"))
    assert roll_up.text == "Good morning. Uh"
    roll_up.update(final(""))
    assert roll_up.text == "Good morning."


def revised(caption: Final, text: str = "", *, hidden: bool = False) -> Revised:
    now = replace(caption, rev=caption.rev + 1, text=text or caption.text)
    return Revised(now, 1, hidden, edited=bool(text))


def test_a_text_source_corrects_what_it_shows() -> None:
    """A final that is still on its lines is shown as it is now, or not at all; one that is gone does not come back."""
    roll_up = RollUpText(14, 2)
    first, second, third = (final(text, number=n) for n, text in enumerate(["Old words.", "Good mourning", "all."]))
    for caption in (first, second, third):
        roll_up.update(caption)
    roll_up.update(partial("Five", number=4))
    assert roll_up.text == "Good mourning\nall. Five"
    assert roll_up.revise(revised(second, "Good morning"))
    assert roll_up.text == "Good morning\nall. Five"
    assert roll_up.revise(revised(second, hidden=True))
    assert roll_up.text == "all. Five"
    assert roll_up.revise(revised(second, "Good morning"))
    assert roll_up.text == "Good morning\nall. Five"
    assert not roll_up.revise(replace(revised(second, "Good warning"), second_look=True)), "nobody has corrected it"
    assert not roll_up.revise(revised(first, "Older words."))
    roll_up.clear()
    assert not roll_up.revise(revised(second))
    assert roll_up.text == ""


# ---- Zoom


def test_zoom_addresses() -> None:
    """seq and lang are added to the copied URL; the last seq is at a path below it."""
    assert caption_url(ZOOM, 12, "en-US") == f"{ZOOM}&seq=12&lang=en-US"
    assert seq_url(ZOOM) == ZOOM.replace("/closedcaption?", "/closedcaption/seq?")
    assert add_query("https://example.org/cc", seq="1") == "https://example.org/cc?seq=1"


def test_zoom_reports_the_last_seq() -> None:
    """A number is used; without one the count begins at 0; a meeting that has not started is tried again."""
    assert parse_last_seq(HttpResponse(200, " 17\n")) == 17
    assert parse_last_seq(HttpResponse(200, "-1")) == 0
    assert parse_last_seq(HttpResponse(404, "17")) == 0
    with pytest.raises(TargetUnavailable, match=r"400 \(the meeting has not started"):
        parse_last_seq(HttpResponse(400))


# ---- YouTube


def test_youtube_cues() -> None:
    """A cue is a line with the time in UTC to the millisecond, as in YouTube's example, then the text."""
    message = encode(final("I'M SENDING", end=0.2), 1, "2012-12-24T01:00:06.873+01:00")
    assert make_body(message, "I'M SENDING", NOW) == "2012-12-24T00:00:06.873\nI'M SENDING\n"
    assert make_body(encode(final("Hello"), 1), "Hello", NOW) == "2026-11-25T12:00:00.000\nHello\n"


def test_youtube_cues_are_not_in_the_future() -> None:
    """A recording that is sent faster than it was spoken has times to come, which YouTube does not accept."""
    message = encode(final("Hello"), 1, (NOW + timedelta(minutes=40)).isoformat())
    assert make_body(message, "Hello", NOW) == "2026-11-25T12:00:00.000\nHello\n"


def test_youtube_cues_are_timed_by_their_words() -> None:
    """A long final becomes several cues, each at the time of its first word, with or without a label."""
    words = [f"word{n:02}" for n in range(30)]  # one a second
    message = encode(final(" ".join(words), start=5.0, end=35.0), 1, "2026-11-25T12:00:00.000+00:00")
    for label in ("", "The one at the door: "):
        rows = make_body(message, label + " ".join(words), NOW).splitlines()
        times, texts = rows[::2], rows[1::2]
        assert " ".join(texts).replace("<br>", " ") == label + " ".join(words)
        assert all(text.count("<br>") == 1 and len(text) <= 2 * 42 + 4 for text in texts[:-1])
        firsts = [int(text.removeprefix(label)[4:6]) for text in texts]  # the number of the word that a cue begins with
        assert times == [f"2026-11-25T12:00:{second:02}.000" for second in firsts]
        assert len(texts) > 2


# ---- webhook


def test_a_webhook_is_signed() -> None:
    """The signature is HMAC-SHA256 of timestamp and body, which a receiver can compute in two lines."""
    body = b'{"type":"final"}'
    expected = hmac.new(b"key", b"1764072000." + body, hashlib.sha256).hexdigest()
    headers = make_headers(body, "run-1-7", "key", "1764072000")
    assert headers["X-Streamstt-Signature"] == f"sha256={expected}"
    assert (headers["X-Streamstt-Timestamp"], headers["Idempotency-Key"]) == ("1764072000", "run-1-7")
    assert signature("key", "1764072001", body) != signature("key", "1764072000", body)
    assert "X-Streamstt-Signature" not in make_headers(body, "run-1-7", "", "1764072000")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("3", 3),
        ("Wed, 25 Nov 2026 12:01:30 GMT", 90),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0),
        ("86400", 600),
        ("soon", 0),
        ("-5", 0),
    ],
)
def test_retry_after(header: str, seconds: float) -> None:
    """Seconds or a date are accepted, within bounds; anything else is 0."""
    assert parse_retry_after(header, NOW) == seconds
