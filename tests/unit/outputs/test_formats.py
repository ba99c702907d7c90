"""What targets are sent, letter by letter."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from streamstt.config.outputs import Obs
from streamstt.hub.protocol import encode
from streamstt.outputs.base import Away, Parcel
from streamstt.outputs.http_client import Answer, retry_after, with_query
from streamstt.outputs.local import line_of
from streamstt.outputs.obs.protocol import NotObs, authentication, identify, outcome, parse, request
from streamstt.outputs.obs.stream_captions import parts_of
from streamstt.outputs.obs.text_source import Screen
from streamstt.outputs.webhook import headers_of, signature
from streamstt.outputs.youtube import body_of
from streamstt.outputs.zoom import caption_address, last_seq, seq_address
from tests.support.captions import final, partial

# As Zoom's page shows one.
ZOOM = "https://wmcapi.zoom.us/closedcaption?id=200610693&ns=GZHkEA==&expire=86400&spparams=id%2Cns%2Cexpire&signature=nYtXJqRKCW"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def parcel(text: str, *, label: str = "Desk", named: bool = False) -> Parcel:
    return Parcel(encode(final(text), 7, "2026-11-25T12:00:00.000+00:00"), label, named, 0.0)


# ---- what every target gets


def test_a_line_says_whose_it_is_if_that_has_to_be_said() -> None:
    """With several sources the label stands before the text; a text is one line, whatever is in it."""
    assert parcel("It is\nsaid. ").line == "It is said."
    assert parcel("It is said.", named=True).line == "Desk: It is said."


def test_lines_for_programs() -> None:
    """As text, the line; as JSON, the final as viewers get it, with label and session."""
    assert line_of(parcel("Grüße."), "text", "run-1") == "Grüße.\n".encode()
    line = line_of(parcel("Grüße."), "json", "run-1")
    assert line.count(b"\n") == 1
    data = json.loads(line)
    assert (data["type"], data["seq"], data["text"]) == ("final", 7, "Grüße.")
    assert (data["label"], data["session"], data["at"]) == ("Desk", "run-1", "2026-11-25T12:00:00.000+00:00")


# ---- OBS


def test_obs_authentication() -> None:
    """The example of obs-websocket's protocol.md; its result is what its other clients' tests expect."""
    salt, challenge = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI=", "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="
    proof = authentication("supersecretpassword", salt, challenge)
    assert proof == "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="
    hello = {"rpcVersion": 1, "authentication": {"salt": salt, "challenge": challenge}}
    answer = json.loads(identify(hello, "supersecretpassword"))
    assert answer == {"op": 1, "d": {"rpcVersion": 1, "authentication": proof, "eventSubscriptions": 0}}
    assert "authentication" not in json.loads(identify({"rpcVersion": 1}, "unasked"))["d"]


def test_obs_requests() -> None:
    """A request and its outcome, as protocol.md shows them."""
    asked = json.loads(request("SendStreamCaption", "1", {"captionText": "Hello"}))
    data = {"requestType": "SendStreamCaption", "requestId": "1", "requestData": {"captionText": "Hello"}}
    assert asked == {"op": 6, "d": data}
    failed = outcome({"requestStatus": {"result": False, "code": 608, "comment": "Parameter: sceneName"}})
    assert (failed.good, failed.code, str(failed)) == (False, 608, "status 608, Parameter: sceneName")
    assert outcome({"requestStatus": {"result": True, "code": 100}}).good


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"op":"0","d":{}}', '{"op":0,"d":1}', "[" * 100_000])
def test_what_is_no_obs(text: str) -> None:
    """Whatever else answers is told apart from OBS."""
    with pytest.raises(NotObs):
        parse(text)


@pytest.mark.parametrize("status", [None, {}, {"result": True, "code": "x"}, []])
def test_what_is_no_outcome(status: Any) -> None:
    """A response without a status is none."""
    with pytest.raises(NotObs):
        outcome({"requestStatus": status})


def test_closed_captions_are_wrapped() -> None:
    """Lines of 32 at most, three at once; what is longer comes in parts, and no word is lost."""
    text = "Every word of this has been written down before, and it is said again so that the tests know it by heart."
    parts = parts_of(text, "en", Obs())
    assert " ".join(" ".join(parts).split()) == text
    assert [len(part.split("\n")) for part in parts] == [3, 1] or len(parts) == 2
    assert all(len(line) <= 32 for part in parts for line in part.split("\n"))
    wide = parts_of(text, "en", Obs(line_chars=100, lines=1))
    assert all(len(line) <= 32 for line in wide)  # CEA-608 has no more


def test_a_text_source_rolls() -> None:
    """It shows the last lines of what is said; a full line stays as it is while words are added."""
    screen = Screen(12, 2)
    screen.take(partial("One two"))
    assert screen.text == "One two"
    screen.take(final("One two three four."))
    assert screen.text == "One two\nthree four."
    screen.take(partial("Five", number=2))
    assert screen.text == "three four.\nFive"
    screen.take(partial("Five six seven", number=2, rev=2))
    assert screen.text == "Five six\nseven"
    screen.clear()
    assert screen.text == ""


def test_a_text_source_takes_back() -> None:
    """A partial that was no speech goes; one of another source stays."""
    screen = Screen(40, 2)
    screen.take(final("Good morning."))
    screen.take(partial("Uh"))
    screen.take(final("", source="door"))
    assert screen.text == "Good morning. Uh"
    screen.take(final(""))
    assert screen.text == "Good morning."


# ---- Zoom


def test_zoom_addresses() -> None:
    """seq and lang follow what the host copied; the last seq is asked for beside it."""
    assert caption_address(ZOOM, 12, "en-US") == f"{ZOOM}&seq=12&lang=en-US"
    assert seq_address(ZOOM) == ZOOM.replace("/closedcaption?", "/closedcaption/seq?")
    assert with_query("https://example.org/cc", seq="1") == "https://example.org/cc?seq=1"


def test_zoom_tells_the_last_seq() -> None:
    """A number is taken; who does not tell begins at nothing; a meeting that is not on is tried again."""
    assert last_seq(Answer(200, " 17\n")) == 17
    assert last_seq(Answer(200, "-1")) == 0
    assert last_seq(Answer(404, "17")) == 0
    with pytest.raises(Away, match=r"400 \(the meeting has not started"):
        last_seq(Answer(400))


# ---- YouTube


def test_youtube_cues() -> None:
    """A line with the time in UTC to the millisecond, as in YouTube's example; then the text."""
    message = encode(final("I'M SENDING", end=0.2), 1, "2012-12-24T01:00:06.873+01:00")
    assert body_of(message, "I'M SENDING", NOW) == "2012-12-24T00:00:06.873\nI'M SENDING\n"
    assert body_of(encode(final("Hello"), 1), "Hello", NOW) == "2026-11-25T12:00:00.000\nHello\n"


def test_youtube_cues_are_timed_by_their_words() -> None:
    """A long final becomes several cues, each when its first word was said, with a label before it or without."""
    words = [f"word{n:02}" for n in range(30)]  # one a second
    message = encode(final(" ".join(words), start=5.0, end=35.0), 1, "2026-11-25T12:00:00.000+00:00")
    for label in ("", "The one at the door: "):
        rows = body_of(message, label + " ".join(words), NOW).splitlines()
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
    headers = headers_of(body, "run-1-7", "key", "1764072000")
    assert headers["X-Streamstt-Signature"] == f"sha256={expected}"
    assert (headers["X-Streamstt-Timestamp"], headers["Idempotency-Key"]) == ("1764072000", "run-1-7")
    assert signature("key", "1764072001", body) != signature("key", "1764072000", body)
    assert "X-Streamstt-Signature" not in headers_of(body, "run-1-7", "", "1764072000")


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
    assert retry_after(header, NOW) == seconds
