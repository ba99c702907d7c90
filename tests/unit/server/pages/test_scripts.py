"""The pages' scripts that need no browser, run by Deno."""

from itertools import pairwise

import pytest

from tests.support.page_scripts import evaluate

# A WebSocket and a clock that do what the test says: `sockets` are all that were opened, `timers` those that are due.
FAKES = """
  const sockets = [];
  globalThis.WebSocket = class {
    constructor(url) { this.url = url; this.sent = []; sockets.push(this); }
    send(data) { this.sent.push(data); }
    close() { this.closed = true; }
  };
  const timers = new Map();
  let next = 1;
  globalThis.setTimeout = (action, ms) => { timers.set(next, { action, ms }); return next++; };
  globalThis.clearTimeout = (id) => timers.delete(id);
  const elapse = () => { const [[id, { action, ms }]] = timers; timers.delete(id); action(); return ms; };
"""


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("We went to the large house", "We went to the large house, and", "We went to the large house"),
        ("We went to the large house", "We went to the large houses", "We went to the large"),
        ("We want to the house", "And we went to the house", "We to the house"),
        ("We went", "We went", "We went"),
        ("", "We", ""),
        ("日本語の字", "日本語、の幕", "日 本 語 の"),
        ("so 🎉", "so 🎊", "so"),
    ],
)
def test_words_are_found_again(before: str, after: str, same: str) -> None:
    """In the next revision of a text; a longer word is another word, added punctuation changes nothing."""
    script = """
      import { alignWords, splitWords } from "./shared/word_alignment.js";
      const [old, fresh] = [splitWords(before), splitWords(after)];
      const found = old.filter((_, n) => alignWords(old, fresh)[n] >= 0);
      output(found.map(({ start, end }) => before.slice(start, end)).join(" "));
    """
    assert evaluate(script, before=before, after=after) == same


def test_clients_of_a_restarted_daemon_do_not_return_in_step() -> None:
    """The first waits of a thousand clients are spread evenly; later ones grow, to ten seconds at most."""
    script = """
      import { Backoff } from "./shared/backoff.js";
      const clients = Array.from({ length: 1000 }, () => new Backoff());
      output(Array.from({ length: 8 }, () => clients.map((client) => client.next())));
    """
    attempts = evaluate(script)
    for waits in attempts:
        assert min(waits) >= 500
        assert max(waits) <= 10_000
    assert max(attempts[0]) <= 1_000
    for waits in attempts:
        ordered = sorted(waits)
        assert max(after - before for before, after in pairwise(ordered)) < 0.05 * (ordered[-1] - ordered[0])
    means = [sum(waits) / len(waits) for waits in attempts]
    assert means[0] < means[1] < means[2] < means[3]


def test_a_lost_socket_is_opened_again() -> None:
    """After a loss, or without a greeting in time, it waits and connects again; a greeting resets the wait."""
    script = f"""
      {FAKES}
      import {{ ReconnectingSocket }} from "./shared/socket.js";
      const log = [];
      const socket = new ReconnectingSocket({{
        url: () => "ws://x",
        onConnecting: (failures) => log.push(`connecting after ${{failures}}`),
        onMessage: (message) => log.push(message),
        onLost: () => log.push("lost"),
      }}, 7000);
      socket.connect();
      const overdue = elapse(); // no greeting
      const first = elapse();
      sockets[0].onmessage({{ data: '"too late"' }});
      sockets[1].onclose();
      const second = elapse();
      sockets[2].onmessage({{ data: '"hello"' }});
      socket.established();
      const pending = timers.size;
      sockets[2].onclose();
      const third = elapse();
      socket.close();
      output({{ log, overdue, pending, left: timers.size, waits: [first, second, third] }});
    """
    result = evaluate(script)
    assert result["log"] == [
        "connecting after 0",
        "lost",
        "connecting after 1",
        "lost",
        "connecting after 2",
        "hello",
        "lost",
        "connecting after 1",
    ]
    assert result["overdue"] == 7000
    assert result["pending"] == result["left"] == 0
    first, second, third = result["waits"]
    assert 500 <= first <= 1_000
    assert 500 <= second <= 2_000
    assert 500 <= third <= 1_000


def test_a_silent_socket_is_dead() -> None:
    """Each message extends the time until the next is due; without one, the connection is given up and opened again."""
    script = f"""
      {FAKES}
      import {{ ReconnectingSocket }} from "./shared/socket.js";
      const log = [];
      const socket = new ReconnectingSocket({{
        url: () => "ws://x",
        onMessage: (message) => log.push(message),
        onLost: () => log.push("lost"),
      }}, 7000, 8000);
      socket.connect();
      sockets[0].onmessage({{ data: '"hello"' }});
      socket.established();
      const first = [...timers.keys()];
      sockets[0].onmessage({{ data: '"alive"' }});
      const second = [...timers.keys()];
      const silence = elapse();
      sockets[0].onmessage({{ data: '"too late"' }});
      const waiting = sockets.length;
      socket.hurry(); // the page is looked at again
      socket.hurry();
      const extended = first[0] !== second[0];
      output({{ log, silence, waiting, opened: sockets.length, extended, timers: timers.size }});
    """
    result = evaluate(script)
    assert result == {
        "log": ["hello", "alive", "lost"],
        "silence": 8000,
        "waiting": 1,
        "opened": 2,
        "extended": True,
        "timers": 1,
    }


def test_a_microphone_notices_a_dead_connection() -> None:
    """It asks the server for signs of life; without one it says that it has no connection, and counts lost sound."""
    script = f"""
      {FAKES}
      globalThis.location = new URL("http://desk:8765/");
      const {{ AudioUplink }} = await import("./captions/audio_uplink.js");
      const states = [];
      const uplink = new AudioUplink({{ label: "Ann", rate: 16000, token: "" }}, (state) => states.push(state));
      const address = sockets[0].url.searchParams.get("heartbeat");
      sockets[0].onmessage({{ data: '{{"type":"hello","sources":[]}}' }});
      sockets[0].onmessage({{ data: '{{"type":"heartbeat"}}' }});
      const silence = elapse();
      output({{ address, silence, states }});
    """
    assert evaluate(script) == {"address": "1", "silence": 8000, "states": ["on", "retrying"]}
