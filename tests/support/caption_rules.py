"""The rules of captions that clients rely on (protocol v1), for events in the process and messages on the wire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from streamstt.events import Final, Partial


@dataclass(frozen=True)
class CaptionState:
    """A caption as one event or message shows it; ``stable`` is None in a final."""

    id: str
    rev: int
    text: str
    stable: int | None


def from_events(events: Iterable[object]) -> list[CaptionState]:
    """Returns the partials and finals among events of the process."""
    return [
        CaptionState(e.id, e.rev, e.text, e.stable if isinstance(e, Partial) else None)
        for e in events
        if isinstance(e, Partial | Final)
    ]


def from_messages(messages: Iterable[Mapping[str, Any]]) -> list[CaptionState]:
    """Returns the partials and finals among messages of the protocol."""
    return [
        CaptionState(m["id"], m["rev"], m["text"], m["stable"] if m["type"] == "partial" else None)
        for m in messages
        if m["type"] in {"partial", "final"}
    ]


def check_captions(states: Iterable[CaptionState], *, every_revision: bool = False) -> None:
    """Checks the captions of one source, whose last one has ended.

    Args:
        states: In the order of their publication.
        every_revision: Whether none may be missing; a client may join late, or skip partials when it is slow.
    """
    captions = [(key, list(group)) for key, group in groupby(states, key=lambda s: s.id)]
    assert len({key for key, _ in captions}) == len(captions), "an id is used once, and one caption at a time is open"
    for key, revisions in captions:
        *partials, last = revisions
        assert last.stable is None, f"{key} has no final"
        assert all(p.stable is not None for p in partials), f"{key} has two finals"
        revs = [state.rev for state in revisions]
        assert revs == sorted(set(revs)), f"{key}: rev rises"
        assert not every_revision or revs == list(range(1, len(revs) + 1)), f"{key}: rev rises by one"
        promised = ""
        for state in revisions:
            assert state.text.startswith(promised), f"{key} broke {promised!r} with {state.text!r}"
            if state.stable is not None:
                assert len(promised) <= state.stable <= len(state.text), f"{key}: what is stable stays stable"
                promised = state.text[: state.stable]
