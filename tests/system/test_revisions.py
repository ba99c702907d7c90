"""Captions that are corrected, hidden and starred: by whom, on the captions page, on the overlay, across a restart."""

import asyncio
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from streamstt.client import request_control
from streamstt.config.server import ServerSettings
from streamstt.server.endpoint import Extensions
from streamstt.server.http.response import text_response
from tests.support.browser import set_viewport, until, until_equal
from tests.support.captions import final as spoken
from tests.support.captions_page import by_id, violations
from tests.support.daemon import WITHIN_S, captions, get, receive, receive_until, speak
from tests.support.forked import Daemon
from tests.support.http_server import Running, serving
from tests.support.overlay import ROWS
from tests.support.pages import FINALS, ScriptedDaemon, final, partial
from tests.support.viewers import SPEECH

SHOWN = """return Array.from(document.querySelectorAll('#log .caption'))
                       .filter(e => e.offsetParent).map(e => e.lastChild.textContent)"""
MARKS = """return Array.from(document.querySelectorAll('#log .caption'),
                            e => ['edited', 'removed', 'starred'].filter(name => e.classList.contains(name)).join())"""
TOKENS = {role: role * 4 for role in ("viewer", "speaker", "control")} | {"all": "all" * 6}


# ---- who may


async def hello_of(server: Running, role: str) -> dict[str, Any]:
    address = f"ws://127.0.0.1:{server.port}/captions?token={TOKENS[role]}"
    async with connect(address) as socket:
        return dict(json.loads(await socket.recv()))


async def test_only_the_control_role(tmp_path: Path) -> None:
    """Hello tells a client with the role that it may revise captions, and what hidden ones say; others neither, and
    their requests are refused. The one who revises gets what all viewers get, and the text; who declines revisions
    gets none."""
    (tmp_path / "tokens").write_text("".join(f"{role} {token}\n" for role, token in TOKENS.items()))
    settings = ServerSettings(port=0, require_token=True, token_file=str(tmp_path / "tokens"))
    async with asyncio.timeout(WITHIN_S), serving(settings) as server:
        server.hub.publish(spoken("My salary is far too low."))
        viewer = await connect(f"ws://127.0.0.1:{server.port}/captions?token={TOKENS['viewer']}")
        assert json.loads(await viewer.recv())["type"] == "hello"
        unrevised = await connect(f"ws://127.0.0.1:{server.port}/captions?token={TOKENS['viewer']}&revised=0")
        assert json.loads(await unrevised.recv())["type"] == "hello"
        control = f"ws://127.0.0.1:{server.port}/control?token="
        for role in ("viewer", "speaker"):
            with pytest.raises(InvalidStatus):
                await connect(control + TOKENS[role])
        async with connect(control + TOKENS["control"]) as socket:
            await socket.send(json.dumps({"type": "revise", "id": "mic-1", "hidden": True}))
            answer = json.loads(await socket.recv())
            assert answer | {"text": "", "words": []} == json.loads(await viewer.recv())
            assert (answer["type"], answer["hidden"]) == ("revised", True)
            await socket.send(json.dumps({"type": "revise", "id": "mic-2", "hidden": True}))
            assert json.loads(await socket.recv())["code"] == "unknown_caption"
            await socket.wait_closed()
        await viewer.close()
        server.hub.publish(spoken("Next.", number=2))
        assert json.loads(await unrevised.recv())["text"] == "Next."
        await unrevised.close()
        guest, editor = await hello_of(server, "viewer"), await hello_of(server, "all")
        assert "control" not in guest
        assert "salary" not in json.dumps(guest)
        assert editor["control"] is True
        assert editor["history"][0]["text"] == "My salary is far too low."


async def test_an_edge_revises_nothing() -> None:
    """Where there is no /control, as at an edge, nobody is told that he may revise captions."""
    refusal = text_response(HTTPStatus.NOT_FOUND, "at the daemon\n")
    extensions = Extensions(unavailable=lambda path: refusal if path == "/control" else None)
    async with asyncio.timeout(WITHIN_S), serving(extensions=extensions) as server:
        assert "control" not in await hello_of(server, "viewer")
    async with asyncio.timeout(WITHIN_S), serving() as server:
        assert (await hello_of(server, "viewer"))["control"] is True


# ---- the captions page


def start_editing(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "[popovertarget=view]").click()
    until(page, "return !document.querySelector('#editing-row').hidden", bool, "the setting")
    by_id(page, "editing").click()
    page.switch_to.active_element.send_keys(Keys.ESCAPE)


def hover(page: webdriver.Chrome, index: int) -> None:
    ActionChains(page).move_to_element(page.find_elements(By.CSS_SELECTOR, "#log .caption")[index]).perform()


def test_editing(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Beside the row under the pointer there are tools; a caption is corrected, hidden, starred and shown again, on
    this page and in what others download. Others do not see a hidden one; the editor does while he edits."""
    scripted_daemon.publish_finals("Good mourning.", "My salary is low.", "Let us begin.", "Yes.")
    until(page, FINALS, lambda texts: len(texts) == 4, "all captions")
    hover(page, 0)
    assert not by_id(page, "editor").is_displayed(), "who only reads has no tools"
    start_editing(page)
    hover(page, 0)
    by_id(page, "editor-edit").click()
    field = by_id(page, "editor-text")
    assert field.get_property("value") == "Good mourning."
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("Good <b>morning</b>.", Keys.ENTER)
    until(page, FINALS, lambda texts: texts[0] == "Good <b>morning</b>.", "the correction")
    hover(page, 1)
    by_id(page, "editor-hide").click()
    hover(page, 2)
    by_id(page, "editor-star").click()
    until_equal(page, MARKS, ["edited", "removed", "starred", ""])
    assert page.execute_script(SHOWN)[1] == "My salary is low.", "struck through while he edits"
    assert violations(page) == []
    text = "Good <b>morning</b>.\n★ Let us begin.\nYes.\n"
    assert get(f"{scripted_daemon.url}/transcript.txt")[1] == text
    starred = [
        caption.get("starred") for caption in json.loads(get(f"{scripted_daemon.url}/transcript.json")[1])["captions"]
    ]
    assert starred == [None, True, None]
    page.get(scripted_daemon.url)
    until_equal(page, SHOWN, ["Good <b>morning</b>.", "Let us begin.", "Yes."])
    by_id(page, "search-open").click()
    page.switch_to.active_element.send_keys("salary")
    until_equal(page, "return document.querySelector('#search-count').textContent", "not found")
    by_id(page, "search-close").click()
    start_editing(page)
    hover(page, 1)
    assert by_id(page, "editor-hide").text == "Show again"
    by_id(page, "editor-hide").click()
    until_equal(page, MARKS, ["edited", "", "starred", ""])


def test_editing_with_the_keyboard(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """Tab reaches the newest row, the arrow keys the others, Tab the tools; Escape leaves a caption as it was. A
    caption that somebody else has just corrected is not overwritten."""
    scripted_daemon.publish_finals("One.", "Two.", "Three.")
    until(page, FINALS, lambda texts: len(texts) == 3, "all captions")
    start_editing(page)
    focused = "return document.activeElement.closest('.caption')?.lastChild.textContent ?? document.activeElement.id"
    page.execute_script("document.querySelector('#scroller').focus()")
    for keys, expected in [
        (Keys.TAB, "Three."),
        (Keys.ARROW_UP, "Two."),
        (Keys.HOME, "One."),
        (Keys.ARROW_DOWN, "Two."),
        (Keys.TAB, "editor-edit"),
        (Keys.ENTER, "editor-text"),
        ("x" + Keys.ESCAPE, "Two."),
        (Keys.TAB + Keys.ENTER, "editor-text"),
    ]:
        page.switch_to.active_element.send_keys(*keys)
        until_equal(page, focused, expected)
    assert page.execute_script(FINALS) == ["One.", "Two.", "Three."]
    assert page.execute_script("return document.activeElement.value") == "Two."
    scripted_daemon.revise("desk1", "Second.")
    until_equal(page, FINALS, ["One.", "Second.", "Three."])
    page.switch_to.active_element.send_keys(" And a half.", Keys.ENTER)
    until(
        page, "return document.querySelector('#editor-words').textContent", lambda w: "somebody else" in w, "a reason"
    )
    assert page.execute_script(FINALS) == ["One.", "Second.", "Three."]
    assert page.execute_script(focused) == "editor-text", "what was typed is not lost"


def test_editing_with_a_finger(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A tap on a caption brings the tools, which stay when the finger is lifted; there is room for them on a phone."""
    set_viewport(page, 360, 740)
    scripted_daemon.publish_finals("One.", "Two is longer, so that it has more than one line on a telephone.", "Three.")
    until(page, FINALS, lambda texts: len(texts) == 3, "all captions")
    start_editing(page)
    finger = PointerInput("touch", "finger")
    tap = ActionBuilder(page, mouse=finger)
    row = page.find_elements(By.CSS_SELECTOR, "#log .caption")[1]
    tap.pointer_action.move_to(row).pointer_down().pointer_up()
    tap.perform()
    until(page, "return !document.querySelector('#editor').hidden", bool, "the tools")
    by_id(page, "editor-edit").click()
    box = by_id(page, "editor-form").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert page.execute_script("return document.activeElement.value").startswith("Two")
    by_id(page, "editor-text").send_keys(Keys.CONTROL, "a")
    by_id(page, "editor-text").send_keys("Two.")
    by_id(page, "editor-form").find_element(By.CSS_SELECTOR, "[type=submit]").click()
    until_equal(page, FINALS, ["One.", "Two.", "Three."])


def test_revisions_of_others(page: webdriver.Chrome, scripted_daemon: ScriptedDaemon) -> None:
    """A page follows: labels stay at the first row of a speaker, an open caption goes on, a caption whose words are in
    several rows is one again, and one that was hidden before the page was opened appears where it belongs. It follows
    a second look, too, without a mark."""
    scripted_daemon.refuse_control()
    scripted_daemon.publish(final("Mine.", "s", "studio"))
    scripted_daemon.publish_finals("One.", "Two.", "Three.")
    scripted_daemon.publish(partial("And now a", 0, "p"))
    scripted_daemon.revise("desk0", hidden=True)
    scripted_daemon.revise("s", hidden=True)
    until_equal(page, SHOWN, ["Two.", "Three."])
    scripted_daemon.revise("s", hidden=False)
    until_equal(page, SHOWN, ["Mine.", "Two.", "Three."])
    labels = """return Array.from(document.querySelectorAll('#log .label')).filter(e => e.offsetParent)
                            .map(e => e.textContent)"""
    until_equal(page, labels, ["studio", "Desk"])
    scripted_daemon.revise("s", hidden=True)
    page.get(scripted_daemon.url)
    until_equal(page, SHOWN, ["Two.", "Three."])
    scripted_daemon.revise("s", hidden=False)
    until_equal(page, SHOWN, ["Mine.", "Two.", "Three."])
    assert not page.execute_script("return document.body.textContent.includes('One.')")
    assert page.execute_script("return document.querySelector('#editing-row').hidden")
    scripted_daemon.revise("desk0", "First.", hidden=False)
    until_equal(page, SHOWN, ["Mine.", "First.", "Two.", "Three."])
    until_equal(page, labels, ["studio", "Desk"])
    scripted_daemon.publish(partial("And now a caption that is so long that it needs many words. " * 4, 0, "p"))
    scripted_daemon.publish(partial("I interrupt", 0, "q", "studio"))
    scripted_daemon.publish(partial("And now a caption that is so long that it needs many words. " * 8, 0, "p"))
    scripted_daemon.publish(final("And now a caption that is so long that it needs many words. " * 8, "p"))
    rows = "return document.querySelectorAll('#log [data-seq=\"15\"]').length"
    until(page, rows, lambda count: count > 1, "a caption in several rows")
    scripted_daemon.revise("p", "And now.")
    until_equal(page, SHOWN, ["Mine.", "First.", "Two.", "Three.", "And now."])
    scripted_daemon.look_again("desk1", "Too.")
    until_equal(page, SHOWN, ["Mine.", "First.", "Too.", "Three.", "And now."])
    edited = "return Array.from(document.querySelectorAll('#log .edited')).map(row => row.lastChild.textContent)"
    assert page.execute_script(edited) == ["First.", "And now."]


# ---- the overlay

WATCH = """window.seen = [];
           const observer = new MutationObserver(() => seen.push(document.body.textContent));
           observer.observe(document.body, { subtree: true, childList: true, characterData: true });"""


@pytest.mark.parametrize("mode", ["rollup", "popon"])
def test_the_overlay_follows(browser: webdriver.Chrome, scripted_daemon: ScriptedDaemon, mode: str) -> None:
    """A caption that is still on the screen is corrected or removed by people, but not changed by a second look; one
    that is no longer there does not come back."""
    browser.get(f"{scripted_daemon.url}/overlay?clear=0&lines=2&min=0.5&mode={mode}")
    until(browser, "return 0", lambda _: scripted_daemon.viewers > 0, "the overlay connects")
    scripted_daemon.publish(final("Good mourning all.", "a"))
    until_equal(browser, ROWS, ["Good mourning all."])
    browser.execute_script(WATCH)
    scripted_daemon.look_again("a", "Good evening all.")
    scripted_daemon.revise("a", "Good morning all.")
    until_equal(browser, ROWS, ["Good morning all."])
    assert not any("evening" in text for text in browser.execute_script("return seen"))
    if mode == "rollup":
        scripted_daemon.publish(partial("And now", 4, "b"))
        until_equal(browser, ROWS, ["Good morning all.", "And now"])
        scripted_daemon.revise("a", hidden=True)
        until_equal(browser, ROWS, ["And now"])
        scripted_daemon.publish(partial("And now it goes on", 4, "b", rev=2))
        until_equal(browser, ROWS, ["And now it goes on"])
    else:
        scripted_daemon.revise("a", hidden=True)
        until_equal(browser, ROWS, [])
        scripted_daemon.publish(final("Next.", "b"))
        until_equal(browser, ROWS, ["Next."])
        scripted_daemon.revise("a", "Never again.", hidden=False)
        scripted_daemon.publish(final("Last.", "c"))
        until_equal(browser, ROWS, ["Last."])


# ---- across a restart


async def test_revisions_outlive_the_daemon(brisk: list[str], tmp_path: Path) -> None:
    """After kill -9, captions are as they were revised, in greetings, downloads and live files; a viewer that resumes
    gets the revisions that he missed."""
    options = [*brisk, "--source", "ws", "--set", f"transcript.folder={tmp_path / 't'}"]
    with Daemon(*options) as daemon:
        async with captions(daemon, "/audio?name=desk") as speaker, captions(daemon) as viewer:
            hello = await receive(viewer)
            await speak(speaker, SPEECH[: 2 * 16000 * 7], speed=20)
            caption = (await receive_until(speaker, "final"))[-1]
            request = {"type": "revise", "id": caption["id"], "text": "Corrected.", "rev": caption["rev"]}
            answer = await request_control(daemon.url, request)
            assert answer["text"] == "Corrected."
            await receive_until(viewer, "revised")
        daemon.process.kill()
        daemon.process.wait()
    resume = {"since": caption["seq"], "session": hello["session"]}
    with Daemon(*options) as daemon:
        async with captions(daemon, f"/captions?{urlencode(resume)}") as viewer:
            assert [r["text"] for r in (await receive(viewer))["revisions"]] == ["Corrected."]
        async with captions(daemon) as viewer:
            first = (await receive(viewer))["history"][0]
            assert (first["seq"], first["text"], first["edited"]) == (caption["seq"], "Corrected.", True)
        assert get(f"{daemon.url}/transcript.txt")[1].startswith("Corrected.\n")
        again = await request_control(daemon.url, {"type": "revise", "id": caption["id"], "hidden": True})
        assert again["rev"] == answer["rev"] + 1
        assert await asyncio.to_thread(daemon.stop) == 0
    recorded = [json.loads(line) for line in next((tmp_path / "t").glob("*.jsonl")).read_text().splitlines()]
    kept = [line for line in recorded if line.get("id") == caption["id"]]
    assert [(line["type"], line["text"]) for line in kept] == [
        ("final", caption["text"]),
        ("revised", "Corrected."),
        ("revised", "Corrected."),
    ]
    live = [next((tmp_path / "t").glob(f"*.{suffix}")).read_text() for suffix in ("txt", "srt", "vtt")]
    others = [line["text"] for line in recorded if line["type"] == "final" and line["id"] != caption["id"]]
    assert live[0].splitlines() == others
    assert not any("Corrected" in file for file in live)
