"""Revisions: finals that people have corrected, hidden or starred, or that were heard again. Pure.

A revision is complete: the newest one of a final replaces all before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from streamstt.events import Final, Revised, Word
from streamstt.hub.protocol import Message, make_message, parse_final


@dataclass(frozen=True, slots=True)
class Correction:
    """A request to revise a final; what is None stays as it is.

    Attributes:
        caption_id: ``id`` of the final.
        text: New text; empty: the caption is hidden and keeps its text.
        hidden: Whether to hide it.
        starred: Whether to star it.
        rev: Revision that the request was made for; None: any.
    """

    caption_id: str
    text: str | None = None
    hidden: bool | None = None
    starred: bool | None = None
    rev: int | None = None


def make_revision(recognized: Message, current: Revised | None, correction: Correction, seq: int) -> Message:
    """Makes the message of a revision.

    Args:
        recognized: The final as it was recognized.
        current: Its last revision, if there is one.
        correction: The request.
        seq: Number of the message.
    """
    original = parse_final(recognized.data)
    before = current.final if current else original
    heard = before if current and not current.edited else original  # the second look may have other words
    hidden = (current.hidden if current else False) if correction.hidden is None else correction.hidden
    text = correction.text or before.text
    starred = before.starred if correction.starred is None else correction.starred
    final = replace(
        before, rev=before.rev + 1, text=text, words=align_words(heard, text) if text else (), starred=starred
    )
    edited = text != heard.text
    second_look = current is not None and current.second_look and not edited
    event = Revised(final, recognized.seq, hidden or correction.text == "", edited, second_look)
    return _make_message(recognized, event, seq)


def make_second_look(
    recognized: Message, current: Revised | None, text: str, words: Sequence[Word], seq: int
) -> Message | None:
    """Makes the message of a final that has better words now; None if people have changed its text or hidden it.

    Args:
        recognized: The final as it was recognized.
        current: Its last revision, if there is one.
        text: Its new text.
        words: Its new words.
        seq: Number of the message.
    """
    before = current.final if current else parse_final(recognized.data)
    if not text or text == before.text or (current and (current.edited or current.hidden)):
        return None
    placed = tuple(replace(w, start=max(w.start, before.start), end=min(w.end, before.end)) for w in words)
    final = replace(before, rev=before.rev + 1, text=text, words=placed)
    event = Revised(final, recognized.seq, hidden=False, edited=False, second_look=True)
    return _make_message(recognized, event, seq)


def was_made_for(rev: int | None, recognized: Message, current: Revised | None) -> bool:
    """Returns whether a request that was made for a revision of a final still applies.

    A second look may have come between; what a person has written takes precedence.

    Args:
        rev: The revision that it was made for; None: any.
        recognized: The final as it was recognized.
        current: Its last revision, if there is one.
    """
    now = current.final.rev if current else recognized.data["rev"]
    is_second_look = current is not None and current.second_look and not (current.hidden or current.final.starred)
    return rev in {None, now, now - 1 if is_second_look else now}


def _make_message(recognized: Message, event: Revised, seq: int) -> Message:
    final = event.final
    data = {
        **recognized.data,
        "type": event.type,
        "seq": seq,
        "rev": final.rev,
        "text": final.text,
        "words": [asdict(word) for word in final.words],
        "final_seq": event.final_seq,
        "hidden": event.hidden,
        "starred": final.starred,
        "edited": event.edited,
        **({"second_look": True} if event.second_look else {}),
    }
    return make_message(event, data)


def align_words(final: Final, text: str) -> tuple[Word, ...]:
    """Returns the words of another text for a final: those that are the same keep their times.

    Others share the time of the words that they replace, in proportion to their length.
    """
    if text == final.text:
        return final.words
    old, new = final.words, text.split()
    words: list[Word] = []
    matcher = SequenceMatcher(None, [word.text for word in old], new, autojunk=False)
    for kind, first, last, new_first, new_last in matcher.get_opcodes():
        if kind == "equal":
            words += old[first:last]
            continue
        start = words[-1].end if words else final.start
        end = old[last].start if last < len(old) else final.end
        if first < last:
            start, end = old[first].start, old[last - 1].end
        words += _spread(new[new_first:new_last], start, max(start, end))
    return tuple(words)


def _spread(texts: Sequence[str], start: float, end: float) -> list[Word]:
    """Returns words that divide a time in proportion to their length; a person wrote them, so they are certain."""
    total = sum(map(len, texts))
    words, letters = [], 0
    for text in texts:
        times = [round(start + (end - start) * count / total, 3) for count in (letters, letters + len(text))]
        words.append(Word(text, times[0], times[1], 1.0))
        letters += len(text)
    return words


def revise(final: Mapping[str, Any], revision: Mapping[str, Any], *, reveal: bool = False) -> dict[str, Any]:
    """Returns the fields of a final as it is after a revision.

    Args:
        final: The final as it was recognized.
        revision: The ``revised`` message.
        reveal: Whether a hidden final keeps its text; otherwise, it is empty.
    """
    is_empty = revision["hidden"] and not reveal
    content = {"text": "", "words": []} if is_empty else {key: revision[key] for key in ("text", "words")}
    flags = {key: True for key in ("hidden", "starred", "edited", "second_look") if revision.get(key)}
    return {**final, "rev": revision["rev"], **content, **flags}


def conceal(message: Message) -> Message:
    """Returns a message as viewers receive it: the revision of a final that is hidden has no text for them."""
    if not (isinstance(message.event, Revised) and message.event.hidden):
        return message
    final = replace(message.event.final, text="", words=())
    return make_message(replace(message.event, final=final), {**message.data, "text": "", "words": []})


class Revisions:
    """The last revision of each final; the oldest are dropped."""

    def __init__(self) -> None:
        """Starts empty."""
        # By number of the final, by last revision: the last one that was delivered, and all later ones.
        self._by_final: dict[int, list[Message]] = {}

    def add(self, revision: Message, delivered_seq: int, limit: int) -> int:
        """Adds a revision.

        Args:
            revision: The message.
            delivered_seq: Number of the last message that was delivered.
            limit: Finals whose revisions are kept.

        Returns:
            Number of the newest revision that was dropped; 0: none was.
        """
        event = revision.event
        assert isinstance(event, Revised)
        before = self._by_final.pop(event.final_seq, [])
        delivered = [m for m in before if m.seq <= delivered_seq]
        self._by_final[event.final_seq] = [*delivered[-1:], *before[len(delivered) :], revision]
        if len(self._by_final) <= limit:
            return 0
        return self._by_final.pop(next(iter(self._by_final)))[-1].seq

    def clear(self) -> None:
        """Removes all."""
        self._by_final.clear()

    def last(self, final_seq: int) -> Revised | None:
        """Returns the last revision of a final, delivered or not."""
        revisions = self._by_final.get(final_seq)
        event = revisions[-1].event if revisions else None
        return event if isinstance(event, Revised) else None

    def since(self, since: int, until: int) -> list[Message]:
        """Returns the last revision of each final, as far as their numbers are in this range, oldest first."""
        found = (self._find(final_seq, until) for final_seq in self._by_final)
        return sorted((m for m in found if m and m.seq > since), key=lambda m: m.seq)

    def newest(self, until: int) -> int:
        """Returns the number of the newest revision that is not above a number; 0: there is none."""
        return max((m.seq for m in self.since(0, until)), default=0)

    def apply(self, final: Message, until: int, *, reveal: bool = False) -> Message:
        """Returns a final as it is after its last revision up to a number; ``reveal`` as for ``revise``."""
        revision = self._find(final.seq, until)
        if revision is None:
            return final
        data = revise(final.data, revision.data, reveal=reveal)
        return make_message(parse_final(data), data)

    def _find(self, final_seq: int, until: int) -> Message | None:
        return next((m for m in reversed(self._by_final.get(final_seq, ())) if m.seq <= until), None)
