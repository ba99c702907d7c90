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


# The captions page's notices, on a page that is a list of texts; words are texts in brackets.
NOTICES = """
  import { Notices } from "./captions/notices.js";
  globalThis.document = { createElement: () => ({}) };
  const page = [];
  const isNotice = (row) => !row.textContent.startsWith("[");
  const rows = {
    addFinal: (row) => page.push(row),
    get lastNotices() { return page.slice(page.findLastIndex((row) => !isNotice(row)) + 1); },
  };
  const notices = new Notices(rows);
  for (const [kind, ...values] of events) {
    if (kind === "words") {
      page.push({ textContent: `[${values[0]}]` });
      notices.wordsShown();
    } else notices[kind](...values);
  }
  output(page.map((row) => row.textContent));
"""


@pytest.mark.parametrize(
    ("losses", "shown"),
    [
        ([0.49], []),
        ([0.5], ["0.5 s"]),
        ([0.1] * 5, ["0.5 s"]),
        ([0.3, None, 0.3], ["[words]"]),
        ([0.3, 0.3, None, 0.3], ["0.6 s", "[words]"]),
        ([2.0, 2.0, 0.2, None, 1.0], ["4.2 s", "[words]", "1.0 s"]),
        ([600.0], ["10 minutes"]),
        ([28_800.0], ["8 hours"]),  # a night
    ],
)
def test_lost_sound_is_added_up(losses: list[float | None], shown: list[str]) -> None:
    """Losses with no words (None) between them are one notice, from half a second on."""
    events = [["showLoss", "desk", loss, ""] if loss else ["words", "words"] for loss in losses]
    texts = evaluate(NOTICES, events=events)
    assert [text.removesuffix(" of sound was lost") for text in texts] == shown


def test_notices_do_not_pile_up() -> None:
    """With no words in between, a sentence is not repeated, and each source's losses have one notice."""
    losses = [["showLoss", source, 2.0, f" ({source})"] for source in ("you", "them")] * 3
    restarts = [["show", "restarted"]] * 3
    texts = evaluate(NOTICES, events=[*restarts, *losses, *restarts, ["words", "Hello."], *restarts])
    lost = [f"6.0 s of sound was lost ({source})" for source in ("you", "them")]
    assert texts == ["restarted", *lost, "[Hello.]", "restarted"]


# A reader at the end of captions, 1,000 px above which the window ends; and what happens then.
LIVE_END = """
  import { LiveEnd } from "./captions/live_end.js";
  const end = new LiveEnd();
  end.placed(1000);
  output(steps.map(([action, ...values]) => {
    if (["held", "returning"].includes(action)) end[action] = values[0];
    else end[action](...values);
    return [end.following, end.isReached(values[1] ?? 0)];
  }).at(-1));
"""


@pytest.mark.parametrize(
    ("steps", "following", "reached"),
    [
        ([["moved", 1000, 0]], True, True),
        ([["moved", 990, 10]], False, False),
        ([["moved", 1000, 40]], True, True),  # the page has become longer, and will be scrolled
        ([["moved", 500, 500], ["moved", 990, 10]], True, True),
        ([["moved", 500, 500], ["moved", 900, 100]], False, False),
        ([["contentChanged", 1000, 40]], True, True),
        ([["contentChanged", 960, 80]], False, False),  # its scroll event is still to come
        ([["contentChanged", 900, 0]], True, True),  # the page has become shorter
        ([["held", True], ["contentChanged", 1000, 40]], True, False),
        ([["held", True], ["contentChanged", 1000, 40], ["moved", 990, 50]], False, False),
        ([["held", True], ["contentChanged", 1000, 40], ["held", False]], True, True),
        ([["returning", True], ["moved", 900, 100]], True, True),
    ],
)
def test_live_end(steps: list[list[object]], following: bool, reached: bool) -> None:
    """The captions follow their end until the reader scrolls up, and again when the reader is back."""
    assert evaluate(LIVE_END, steps=steps) == [following, reached]


def test_revisions_on_the_overlay() -> None:
    """A final that is on the screen is shown as it is now, before the open captions; what is gone does not come back,
    and neither a star nor a second look changes anything."""
    script = """
      import { Recent } from "./overlay/recent.js";
      const recent = new Recent();
      const final = (id, text) => recent.add({ type: "final", source: "desk", id, text });
      const revised = (id, text, hidden = false) => recent.revise({ id, text, hidden })?.text ?? null;
      const shown = () => recent.messages.map(({ text }) => text);
      final("a", "One.");
      final("b", "Two.");
      final("c", "");
      recent.add({ type: "partial", source: "desk", id: "d", text: "and" });
      const results = [revised("a", "First."), revised("b", "Two."), revised("x", "Gone."), shown()];
      const again = (id, text, hidden) => recent.revise({ id, text, hidden, second_look: true })?.text ?? null;
      results.push(again("a", "1st.", false), again("a", "1st.", true), revised("a", "First."));
      results.push(revised("a", "First.", true), shown(), again("a", "First.", false), shown());
      recent.discardOpen();
      recent.clear();
      results.push(revised("a", "One."), shown());
      for (let n = 0; n < 50; n++) final(`n${n}`, `${n}`);
      results.push(shown().length, revised("n0", "zero"), revised("n49", "last"));
      output(results);
    """
    first = ["First.", "Two.", "and"]
    expected = [
        "First.",
        None,
        None,
        first,
        None,
        "",
        "First.",
        "",
        first[1:],
        "First.",
        first,
        None,
        [],
        20,
        None,
        "last",
    ]
    assert evaluate(script) == expected


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
