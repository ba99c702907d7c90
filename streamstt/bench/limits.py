"""Limits that decide whether a machine is fast enough for live captions; ``bench`` and ``check`` share them."""

MAX_CORE_SHARE = 0.85  # share of one core that the engine's thread may use; the rest is for bursts
MAX_UPDATE_S = 2.0  # a slower update is not a live caption
