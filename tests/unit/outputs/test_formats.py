"""What targets are sent, letter by letter."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from streamstt.config.outputs import ObsSettings
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

# As Zoom's page shows one.
ZOOM = "https://wmcapi.zoom.us/closedcaption?id=200610693&ns=GZHkEA==&expire=86400&spparams=id%2Cns%2Cexpire&signature=nYtXJqRKCW"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def parcel(text: str, *, label: str = "Desk", named: bool = False) -> CaptionItem:
    return CaptionItem(encode(final(text), 7, "2026-11-25T12:00:00.000+00:00"), label, named, 0.0)


# ---- what every target gets


def test_a_line_says_whose_it_is_if_that_has_to_be_said() -> None:
    """With several sources the label stands before the text; a text is one line, whatever is in it."""
    assert parcel("It is\nsaid. ").labeled_text == "It is said."
    assert parcel("It is said.", named=True).labeled_text == "Desk: It is said."


def test_lines_for_programs() -> None:
    """As text, the line; as JSON, the final as viewers get it, with label and session."""
    assert format_line(parcel("Grüße."), "text", "run-1") == "Grüße.\n".encode()
    line = format_line(parcel("Grüße."), "json", "run-1")
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
    """A request and its outcome, as protocol.md shows them."""
    asked = json.loads(encode_request("SendStreamCaption", "1", {"captionText": "Hello"}))
    data = {"requestType": "SendStreamCaption", "requestId": "1", "requestData": {"captionText": "Hello"}}
    assert asked == {"op": 6, "d": data}
    failed = parse_status({"requestStatus": {"result": False, "code": 608, "comment": "Parameter: sceneName"}})
    assert (failed.ok, failed.code, str(failed)) == (False, 608, "status 608, Parameter: sceneName")
    assert parse_status({"requestStatus": {"result": True, "code": 100}}).ok


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"op":"0","d":{}}', '{"op":0,"d":1}', "[" * 100_000])
def test_what_is_no_obs(text: str) -> None:
    """Whatever else answers is told apart from OBS."""
    with pytest.raises(ObsProtocolError):
        parse_message(text)


@pytest.mark.parametrize("status", [None, {}, {"result": True, "code": "x"}, []])
def test_what_is_no_outcome(status: Any) -> None:
    """A response without a status is none."""
    with pytest.raises(ObsProtocolError):
        parse_status({"requestStatus": status})


def test_closed_captions_are_wrapped() -> None:
    """Lines of 32 at most, three at once; what is longer comes in parts, and no word is lost."""
    text = "Every word of this has been written down before, and it is said again so that the tests know it by heart."
    parts = split_caption(text, "en", ObsSettings())
    assert " ".join(" ".join(parts).split()) == text
    assert [len(part.split("\n")) for part in parts] == [3, 1] or len(parts) == 2
    assert all(len(line) <= 32 for part in parts for line in part.split("\n"))
    wide = split_caption(text, "en", ObsSettings(line_chars=100, lines=1))
    assert all(len(line) <= 32 for line in wide)  # CEA-608 has no more


def test_a_text_source_rolls() -> None:
    """It shows the last lines of what is said; a full line stays as it is while words are added."""
    screen = RollUpText(12, 2)
    screen.update(partial("One two"))
    assert screen.text == "One two"
    screen.update(final("One two three four."))
    assert screen.text == "One two\nthree four."
    screen.update(partial("Five", number=2))
    assert screen.text == "three four.\nFive"
    screen.update(partial("Five six seven", number=2, rev=2))
    assert screen.text == "Five six\nseven"
    screen.clear()
    assert screen.text == ""


def test_a_text_source_takes_back() -> None:
    """A partial that was no speech goes; one of another source stays."""
    screen = RollUpText(40, 2)
    screen.update(final("Good morning."))
    screen.update(partial("Uh"))
    screen.update(final("", source="door"))
    assert screen.text == "Good morning. Uh"
    screen.update(final(""))
    assert screen.text == "Good morning."


# ---- Zoom


def test_zoom_addresses() -> None:
    """seq and lang follow what the host copied; the last seq is asked for beside it."""
    assert caption_url(ZOOM, 12, "en-US") == f"{ZOOM}&seq=12&lang=en-US"
    assert seq_url(ZOOM) == ZOOM.replace("/closedcaption?", "/closedcaption/seq?")
    assert add_query("https://example.org/cc", seq="1") == "https://example.org/cc?seq=1"


def test_zoom_tells_the_last_seq() -> None:
    """A number is taken; who does not tell begins at nothing; a meeting that is not on is tried again."""
    assert parse_last_seq(HttpResponse(200, " 17\n")) == 17
    assert parse_last_seq(HttpResponse(200, "-1")) == 0
    assert parse_last_seq(HttpResponse(404, "17")) == 0
    with pytest.raises(TargetUnavailable, match=r"400 \(the meeting has not started"):
        parse_last_seq(HttpResponse(400))


# ---- YouTube


def test_youtube_cues() -> None:
    """A line with the time in UTC to the millisecond, as in YouTube's example; then the text."""
    message = encode(final("I'M SENDING", end=0.2), 1, "2012-12-24T01:00:06.873+01:00")
    assert make_body(message, "I'M SENDING", NOW) == "2012-12-24T00:00:06.873\nI'M SENDING\n"
    assert make_body(encode(final("Hello"), 1), "Hello", NOW) == "2026-11-25T12:00:00.000\nHello\n"


def test_youtube_cues_are_timed_by_their_words() -> None:
    """A long final becomes several cues, each when its first word was said, with a label before it or without."""
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
    """The receiver can compute the same from the time stamp, the body and the secret, by two lines of any language."""
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
    """Seconds or a date, within bounds; nonsense is none."""
    assert parse_retry_after(header, NOW) == seconds
