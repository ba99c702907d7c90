"""Levels of a source in the protocol."""

import asyncio
from itertools import pairwise
from statistics import median

from tests.support.daemon import DATA, captions, receive
from tests.support.forked import Daemon


async def test_levels_for_those_who_ask(script: list[str]) -> None:
    """A client that requests levels receives them five times a second, in dB, without seq; others do not."""
    with Daemon(*script, "--source", f"file:{DATA / 'long_sentence.flac'}", "--loop") as daemon:
        async with captions(daemon, "/captions?levels=1") as asks, captions(daemon) as other:
            assert (await receive(asks))["type"] == "hello"
            clock = asyncio.get_running_loop().time
            levels, times, numbers = [], [], []
            while len(levels) < 12:
                message = await receive(asks)
                if message["type"] == "level":
                    levels.append(message)
                    times.append(clock())
                else:
                    numbers.append(message["seq"])
            assert numbers == sorted(set(numbers))
            assert all(sorted(m) == ["peak", "rms", "source", "type"] for m in levels)
            assert {m["source"] for m in levels} == {"file-long_sentence.flac"}
            assert all(-100 <= m["rms"] <= m["peak"] <= 0 for m in levels)
            assert max(m["peak"] for m in levels) > -30
            assert 0.15 < median(after - before for before, after in pairwise(times)) < 0.4  # some may be delayed
            types = set()
            while "partial" not in types:
                types.add((await receive(other))["type"])
            assert "level" not in types
