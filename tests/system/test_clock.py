"""The wall clock is set under a running daemon, back and forth, while a client leaves out silence."""

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.support.daemon import Daemon, captions, get, receive, receive_all, receive_until, speak
from tests.support.subtitles import parse_subtitles
from tests.support.transcripts import check_readable, finals
from tests.support.viewers import SPEECH

(FAKETIME,) = map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
TEXT = "So it is."
ROUND_S, PAUSE_S = 2.0, 2.0
ROUND = SPEECH[: 2 * 16 * 1300] + bytes(2 * 16 * 700)  # speech and silence, in which TEXT is spoken once


def write_rounds(folder: Path) -> list[str]:
    """Writes a script of TEXT, once a round; returns options for a daemon that plays it back."""
    words = [{"text": f" {word}", "start": 0.3 + 0.3 * n, "end": 0.6 + 0.3 * n} for n, word in enumerate(TEXT.split())]
    file = folder / "rounds.json"
    file.write_text(json.dumps({"words": words, "repeat_s": ROUND_S}))
    return ["--model", f"script:{file}"]


@dataclass
class WallClock:
    """The wall clock of a daemon: it shows ten in the morning at first, so that no hour of a test is of another day."""

    file: Path
    offset_s: int = 0

    def __post_init__(self) -> None:
        now = time.localtime()
        self._ten_s = 10 * 3600 - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)

    def environment(self) -> dict[str, str]:
        """Variables for the daemon; its other clocks are the real ones."""
        self.set(0)
        return {
            "LD_PRELOAD": FAKETIME,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset_s: int) -> None:
        """Sets it by some seconds against what it showed at first."""
        self.offset_s = self._ten_s + offset_s
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{self.offset_s:+d}")
        fresh.replace(self.file)

    def now(self) -> float:
        """What it shows."""
        return time.time() + self.offset_s


async def test_the_clock_is_set(tmp_path: Path) -> None:
    """Captions have the wall time at which they were spoken, by the clock as it is set; what a client leaves out has
    passed. The cues of a set count from its mark, and a download has all in order."""
    clock, folder = WallClock(tmp_path / "clock"), tmp_path / "transcripts"
    options = [*write_rounds(tmp_path), "--source", "ws", "--set", f"transcript.folder={folder}"]
    bounds: list[tuple[float, float, float]] = []  # wall time before a caption, its own, and wall time after it

    async def hear() -> None:
        """Speaks for a round, and waits until its caption is final."""
        before = clock.now()
        await speak(speaker, ROUND)
        final = (await receive_until(speaker, "final"))[-1]
        assert final["text"] == TEXT
        bounds.append((before, datetime.fromisoformat(final["at"]).timestamp(), clock.now()))

    with await asyncio.to_thread(Daemon, *options, env=clock.environment()) as daemon:
        async with captions(daemon, "/audio?name=desk") as speaker, captions(daemon, "/control") as control:
            await receive(speaker)
            begin = time.monotonic()
            await hear()
            clock.set(-3600)
            marked_at = time.monotonic()
            await control.send(json.dumps({"type": "mark", "title": "Weekly"}))
            name = (await receive(control))["name"]
            await hear()
            await asyncio.sleep(PAUSE_S)  # in which this client sends nothing
            clock.set(8 * 3600)
            await hear()
            ended_at = time.monotonic()
            download = parse_subtitles((await asyncio.to_thread(get, f"{daemon.url}/transcript.srt"))[1])
            await speaker.send('{"type":"end"}')
            await receive_all(speaker)
        assert await asyncio.to_thread(daemon.stop) == 0
    assert [n for n, (before, at, after) in enumerate(bounds) if not before <= at <= after] == []
    first, second = (cue.start for cue in parse_subtitles((folder / f"{name}.srt").read_text()))
    assert 0 < first < second - ROUND_S - PAUSE_S
    assert second < ended_at - marked_at
    assert [f["text"] for f in finals(folder, name)] == [TEXT] * 2
    check_readable(folder)
    starts = [cue.start for cue in download]
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert starts[-1] < ended_at - begin
