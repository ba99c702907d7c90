"""Finals that are corrected, hidden or starred: what clients receive, at once, later, and after a lost connection."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamstt.events import Revised, Word
from streamstt.hub.history import Resume
from streamstt.hub.hub import Hub, Subscription
from streamstt.hub.protocol import ClientError, Message
from streamstt.hub.revisions import Correction, align_words
from tests.support.captions import final, make_hub, partial
from tests.support.drawing import PROPERTY


async def read_all(subscription: Subscription) -> list[dict[str, Any]]:
    """Everything that waits, as clients read it."""
    items = subscription.get_all_nowait()
    return [json.loads(item.text if isinstance(item, Message) else item) for item in items]


async def greeting(hub: Hub, resume: Resume | None = None) -> dict[str, Any]:
    with hub.subscribe(resume) as subscription:
        return (await read_all(subscription))[0]


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [m["text"] for m in messages if "text" in m]


def revised(hub: Hub, number: int = 1, **changes: Any) -> Message:
    return hub.revise(Correction(f"mic-{number}", **changes))


async def test_a_revision_is_a_message_of_its_own() -> None:
    """Who is connected gets the final as it was, and each revision with a number of its own; none replaces another."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(final("Good mourning."))
        revised(hub, text="Good morning.")
        hub.publish(partial("next", number=2))
        revised(hub, hidden=True)
        messages = await read_all(subscription)
    kinds = [(m["type"], m["seq"], m.get("text")) for m in messages[1:]]
    assert kinds == [
        ("final", 1, "Good mourning."),
        ("revised", 2, "Good morning."),
        ("partial", 3, "next"),
        ("revised", 4, ""),
    ]


async def test_a_new_client_gets_the_present_text() -> None:
    """The history of a late client has finals as they are now; of a hidden one it is not told what was said."""
    hub = make_hub()
    hub.publish(final("Good mourning.", number=1), final("My salary is", number=2), final("Yes.", number=3))
    revised(hub, 1, text="Good morning.")
    revised(hub, 2, hidden=True)
    revised(hub, 3, starred=True)
    hello = await greeting(hub)
    assert [(f["seq"], f["text"], f["rev"]) for f in hello["history"]] == [
        (1, "Good morning.", 3),
        (2, "", 3),
        (3, "Yes.", 3),
    ]
    flags = [{key for key in ("edited", "hidden", "starred") if key in f} for f in hello["history"]]
    assert flags == [{"edited"}, {"hidden"}, {"starred"}]
    assert "salary" not in json.dumps(hello)
    assert not {"revisions", "control"} & set(hello)
    assert texts(hello["history"]) == texts((await greeting(hub, Resume(0)))["history"])


async def test_who_may_revise_gets_hidden_captions_too() -> None:
    """A client with the role of control is told so, and gets the text of hidden captions, to show them again."""
    hub = make_hub()
    hub.publish(final("My salary is"))
    revised(hub, hidden=True)
    with hub.subscribe(control=True) as subscription:
        hello = (await read_all(subscription))[0]
    assert hello["control"] is True
    assert [(f["text"], f["hidden"]) for f in hello["history"]] == [("My salary is", True)]


async def test_a_hidden_text_reaches_nobody_else() -> None:
    """Whatever else is done to a hidden caption, viewers do not get its text; those who may revise do."""
    hub = make_hub()
    hub.publish(final("My salary is"))
    seen = hub.seq
    with hub.subscribe() as early, hub.subscribe(control=True) as editor, hub.subscribe(counted=False) as output:
        revised(hub, hidden=True)
        with hub.subscribe() as late:
            revised(hub, starred=True)
            revised(hub, text="My wage is")
            for viewer in (early, late):
                messages = [m for m in await read_all(viewer) if m["type"] == "revised"]
                assert {(m["text"], len(m["words"]), m["hidden"]) for m in messages} == {("", 0, True)}
        for other in (editor, output):
            messages = [m for m in await read_all(other) if m["type"] == "revised"]
            assert texts(messages) == ["My salary is", "My salary is", "My wage is"]
        for may_control, text in ((False, ""), (True, "My wage is")):
            with hub.subscribe(Resume(seen, "run-1"), control=may_control) as back:
                assert texts((await read_all(back))[0]["revisions"]) == [text]
        revised(hub, hidden=False)
        assert texts(await read_all(early)) == ["My wage is"]


async def test_revisions_are_not_missed() -> None:
    """After a lost connection a client gets the revisions of finals that it has, and other finals as they are now."""
    hub = make_hub()
    hub.publish(final("One.", number=1), final("Two.", number=2))
    seen = hub.seq
    hub.publish(final("Three.", number=3))
    revised(hub, 1, text="First.")
    revised(hub, 1, text="The first.")
    revised(hub, 3, hidden=True)
    back = await greeting(hub, Resume(seen, "run-1"))
    assert texts(back["history"]) == [""]
    assert [(r["final_seq"], r["text"]) for r in back["revisions"]] == [(1, "The first.")]
    assert "Three" not in json.dumps(back)
    again = await greeting(hub, Resume(back["seq"], "run-1"))
    assert "revisions" not in again
    assert not again["history"]


async def test_revisions_outlast_their_finals() -> None:
    """A revision reaches a client that was away though its final has left the history; what is lost is reported."""
    hub = make_hub(history=3)
    hub.publish(*(final(f"{n}", number=n) for n in range(1, 4)))
    seen = hub.seq
    revised(hub, 1, text="one")
    hub.publish(*(final(f"{n}", number=n) for n in range(4, 7)))
    back = await greeting(hub, Resume(seen, "run-1"))
    assert [r["text"] for r in back["revisions"]] == ["one"]
    assert "gap_in_history" not in back
    for number in (4, 5, 6):
        revised(hub, number, starred=True)
    assert (await greeting(hub, Resume(seen, "run-1")))["gap_in_history"]
    with pytest.raises(ClientError, match=r"server\.history"):
        revised(hub, 1, text="uno")


async def test_a_revision_is_held_until_it_is_stored() -> None:
    """A revision is on disk before anybody gets it, also in a greeting; one made meanwhile builds on it."""
    hub = make_hub()
    held: list[int] = []

    def store(message: Message) -> bool:
        held.append(message.seq)
        return isinstance(message.event, Revised)

    write_ahead = hub.enable_write_ahead(store)
    hub.publish(final("My salary is"))
    revised(hub, hidden=True)
    write_ahead.release(2)
    revised(hub, text="His salary is")
    assert held == [1, 2, 3]
    assert texts((await greeting(hub))["history"]) == [""]
    revised(hub, hidden=False, rev=4)
    with hub.subscribe() as subscription:
        assert texts([json.loads(str(await subscription.get()))]) == []
        write_ahead.release(3)
        with hub.subscribe(control=True) as editor:
            assert texts((await read_all(editor))[0]["history"]) == ["His salary is"]
        write_ahead.release(4)
        assert [(m["text"], m["hidden"]) for m in (await read_all(subscription))] == [
            ("", True),
            ("His salary is", False),
        ]
    assert texts((await greeting(hub))["history"]) == ["His salary is"]


async def test_restored_revisions() -> None:
    """What earlier runs have revised stays revised, and can be revised again."""
    before = make_hub()
    before.publish(final("One.", number=1), final("Two.", number=2))
    revisions = [revised(before, 1, text="First."), revised(before, 2, hidden=True)]
    finals = [m for m in before.published_since(0) if m.is_final]
    assert [m.event for m in finals] == [final("One.", number=1), final("Two.", number=2)]
    hub = make_hub()
    hub.restore(finals, 10, 0, revisions)
    assert texts((await greeting(hub))["history"]) == ["First.", ""]
    assert [m.data["text"] for m in hub.finals] == ["First.", ""]
    assert revised(hub, 2, hidden=False).data["rev"] == 4
    assert texts((await greeting(hub))["history"]) == ["First.", "Two."]


def look_again(hub: Hub, text: str, number: int = 1) -> int:
    """Publishes what a second look has found; its words begin too early and end too late."""
    spoken = text.split()
    words = tuple(Word(word, n - 9.0, n + 9.0, 0.7) for n, word in enumerate(spoken))
    return hub.take_second_look([(f"mic-{number}", text, words)])


async def test_a_second_look() -> None:
    """It is a revision that nobody has made: not marked as edited, within the times of its final, with its words."""
    hub = make_hub()
    with hub.subscribe() as subscription:
        hub.publish(final("Good mourning.", 1.0, 2.0))
        assert look_again(hub, "Good morning.") == 1
        *_, message = await read_all(subscription)
    flags = {key: message[key] for key in ("type", "rev", "edited", "hidden", "starred", "second_look")}
    expected = {"type": "revised", "rev": 3, "edited": False, "hidden": False, "starred": False, "second_look": True}
    assert flags == expected
    assert [(w["text"], w["probability"]) for w in message["words"]] == [("Good", 0.7), ("morning.", 0.7)]
    assert (message["words"][0]["start"], message["words"][-1]["end"]) == (1.0, 2.0)
    (now,) = (await greeting(hub))["history"]
    assert (now["text"], now["second_look"]) == ("Good morning.", True)
    assert "edited" not in now


async def test_a_second_look_of_what_people_have_changed() -> None:
    """What people have corrected or hidden stays; a starred final stays starred, and one that is gone stays away."""
    hub = make_hub()
    hub.publish(*(final("Good mourning.", number=number) for number in (1, 2, 3)))
    revised(hub, 1, text="Good evening.")
    revised(hub, 2, hidden=True)
    revised(hub, 3, starred=True)
    assert [look_again(hub, "Good morning.", number) for number in (1, 2, 3, 4)] == [0, 0, 1, 0]
    assert look_again(hub, "Good morning.", 3) == 0, "it says so already"
    history = (await greeting(hub))["history"]
    assert texts(history) == ["Good evening.", "", "Good morning."]
    assert history[2]["starred"]


async def test_people_after_a_second_look() -> None:
    """A request that was made for the final before it was heard again is not refused. What is then marked as edited is
    what people have written; a star, or a caption that is shown again, leaves the words of the second look."""
    hub = make_hub()
    hub.publish(final("Good mourning."))
    look_again(hub, "Good morning, all.")
    starred = revised(hub, starred=True, rev=2).data
    assert (starred["text"], starred["edited"], starred["second_look"]) == ("Good morning, all.", False, True)
    assert [w["probability"] for w in starred["words"]] == [0.7] * 3
    with pytest.raises(ClientError):
        revised(hub, text="Late.", rev=2)
    edited = revised(hub, text="Good morning.", rev=4).data
    assert (edited["edited"], "second_look" in edited) == (True, False)


async def test_without_revisions() -> None:
    """Who does not want revisions gets none, neither at once nor after a lost connection; new clients get finals as
    they are now."""
    hub = make_hub()
    with hub.subscribe(revised=False) as subscription:
        hub.publish(final("Good mourning."))
        look_again(hub, "Good morning.")
        hub.publish(final("Yes.", number=2))
        assert [m["type"] for m in await read_all(subscription)] == ["hello", "final", "final"]
    with hub.subscribe(Resume(1), revised=False) as subscription:
        (hello,) = await read_all(subscription)
    assert texts(hello["history"]) == ["Yes."]
    assert "revisions" not in hello


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "d."]), min_size=1, max_size=12)


@PROPERTY
@given(old=WORDS, new=WORDS)
def test_words_of_a_correction(old: list[str], new: list[str]) -> None:
    """Words of a corrected text are its own, in order of time within the caption; unchanged ones keep their times."""
    spoken = final(" ".join(old), 1.0, 7.0)
    words = align_words(spoken, " ".join(new))
    assert [w.text for w in words] == new
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 1.0 <= times[0] <= times[-1] <= 7.0
    if old == new:
        assert words == spoken.words
