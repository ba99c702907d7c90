"""Draws streams of captions as a daemon publishes them: words that grow, are revised, become certain, and are cut."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]

ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
KANJI = [chr(code) for code in range(0x4E00, 0x9F00)]
FAMILY = "\U0001f469\U0001f3fd\u200d\U0001f469\U0001f3ff\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1e9\U0001f1ea"


@dataclass
class Speaker:
    """Draws the messages of one source.

    Attributes:
        source: Its name.
        language: Language code.
        make_word: Draws a word, with the space before it if the script has one.
        chance: Source of randomness.
        end: What ends a sentence.
    """

    source: str
    language: str
    make_word: Callable[[random.Random], str]
    chance: random.Random
    end: str = "."
    _words: list[str] = field(default_factory=list)
    _stable: int = 0
    _captions: int = 0

    def speak(self, updates: int) -> Iterator[list[Message]]:
        """Yields what is published at each update: finals of complete captions, then the rest as the next caption."""
        for _ in range(updates):
            self._revise()
            self._stable = max(self._stable, len(self._words) - self.chance.randrange(4))
            batch = []
            if len(self._words) > 9 and self._stable > 6 and self.chance.random() < 0.3:
                batch.append(self._cut(self.chance.randrange(5, self._stable)))
            if self._words:
                batch.append(self._partial())
            yield batch

    def _revise(self) -> None:
        """Replaces uncertain words at the end, and adds words."""
        unsure = len(self._words) - self._stable
        if unsure and self.chance.random() < 0.3:
            del self._words[-self.chance.randrange(1, unsure + 1) :]
        for _ in range(self.chance.randrange(1, 4)):
            self._words.append(self.make_word(self.chance) + self.chance.choice(["", "", "", "", "", self.end]))

    def _cut(self, count: int) -> Message:
        text = "".join(self._words[:count]).strip()
        if not text.endswith(self.end) and self.chance.random() < 0.3:
            text += self.end  # a full stop that was not heard before
        self._words, self._stable = self._words[count:], self._stable - count
        message = self._message("final", text)
        self._captions += 1
        return message

    def _partial(self) -> Message:
        text = "".join(self._words).lstrip()
        return self._message("partial", text) | {"stable": len("".join(self._words[: self._stable]).lstrip())}

    def _message(self, kind: str, text: str) -> Message:
        caption = f"{self.source}-{self._captions}"
        return {"type": kind, "source": self.source, "id": caption, "text": text, "language": self.language}


def latin_word(chance: random.Random) -> str:
    """Draws a word that is not drawn again soon: words that return cannot be told apart."""
    return " " + "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.choice([3, 4, 5, 6, 7, 9, 12])))


def arabic_word(chance: random.Random) -> str:
    """As ``latin_word``."""
    return " " + "".join(chance.choices(ARABIC, k=chance.choice([3, 4, 5, 6, 7, 9])))


def kanji_word(chance: random.Random) -> str:
    """As ``latin_word``; without a space."""
    return "".join(chance.sample(KANJI, chance.choice([1, 2, 2, 3])))


def any_stream(seed: int, updates: int) -> list[list[Message]]:
    """Draws what no daemon should publish, too: any words, in any order of partials and finals of three sources."""
    chance = random.Random(seed)
    texts = dict.fromkeys(["one", "two", "three"], "")
    captions = dict.fromkeys(texts, 0)
    stream = []
    for _ in range(updates):
        source = chance.choice(["one", "one", "two", "two", "three"])
        texts[source] = text = _next_text(texts[source], chance)
        language = chance.choice(["", "en", "ja", "zh", "th", "ar"])
        if chance.random() < 0.05:
            stream.append([_no_caption(source, chance)])
        message = {"source": source, "id": f"{source}-{captions[source]}", "language": language}
        if chance.random() < 0.15:
            final = chance.choice([text, text, text[: chance.randrange(len(text) + 1)], "", f"{text}?!…"])
            stream.append([message | {"type": "final", "text": final}])
            texts[source] = text[len(final) :] if chance.random() < 0.7 else ""
            captions[source] += 1
        else:
            stable = chance.randrange(len(text) + 1)
            stream.append([message | {"type": "partial", "text": text, "stable": stable}])
            captions[source] += chance.random() < 0.03  # a final was lost
    return stream


def growing_words(letters: int, step: int) -> Iterator[list[Message]]:
    """Yields partials of several sources at once, each of one word that grows by some letters until its final."""
    units = {"latin": "W", "arabic": "مي", "kanji": "語", "family": FAMILY, "url": "/a"}
    for length in range(1, letters + 1, step):
        for source, unit in units.items():
            text = unit * length
            message = {"source": source, "id": source, "text": text, "language": "en"}
            yield [message | {"type": "partial", "stable": length // 2}]
            if length + step > letters:
                yield [message | {"type": "final"}]


def _no_caption(source: str, chance: random.Random) -> Message:
    state = {"type": "status", "state": chance.choice(["listening", "speech", "lost", "waiting"]), "detail": ""}
    gap = {"type": "gap", "start": 1.0, "end": 2.0}
    return {"source": source} | chance.choice([state, state | {"label": "L" * 70}, gap])


def _next_text(text: str, chance: random.Random) -> str:
    match chance.randrange(12):
        case 0:
            return text[: chance.randrange(len(text) + 1)]
        case 1:
            return text.swapcase() + chance.choice([".", ",", "…", "!?", "。"])
        case 2:
            words = text.split(" ")
            words[chance.randrange(len(words))] = _any_word(chance)
            return " ".join(words)
        case 3 | 4:
            return text + chance.choice("abcWMيم日ー的ก")  # letter by letter
        case _:
            return text[-1500:] + chance.choice([" ", " ", ""]) + _any_word(chance)


def _any_word(chance: random.Random) -> str:
    kind = chance.randrange(12)
    drawn = [
        latin_word(chance).strip() + chance.choice(["", ".", ",", "?!", "."]),
        "W" * chance.randrange(1, 300),
        f"https://example.org/{latin_word(chance).strip()}/" + "index/" * chance.randrange(20),
        FAMILY * chance.randrange(1, 30),
        FLAG * chance.randrange(1, 30) + "1\ufe0f\u20e3",
        arabic_word(chance) + chance.choice(["", "،", "؟"]),
        "".join(chance.choices(ARABIC, k=chance.randrange(1, 90))),
        kanji_word(chance) * chance.randrange(1, 40) + chance.choice(["", "。", "、"]),
        "「" * chance.randrange(1, 5) + "日本語のテキスト」。",
        "สวัสดีครับยินดีต้อนรับ",
        "\t".join(["tab", "tab", "tab"]) + "\n\u00a0" + "e\u0301" * chance.randrange(1, 50),
        chance.choice(["!", "…", "—", "。"]) * chance.randrange(1, 60),
    ]
    return drawn[kind]
