"""Watches how fast updates are, tells clients, and acts: measures again when idle, changes the model of ``auto``.

What to do is decided in ``captioning.speed_policy``; this is the part that waits, measures and loads.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from streamstt.bench.limits import MAX_CORE_SHARE, MAX_UPDATE_S
from streamstt.captioning.pipeline import CaptionPipeline
from streamstt.captioning.speed_policy import Action, Observation, SpeedPolicy
from streamstt.clock import loop_time
from streamstt.concurrency import run_in_thread
from streamstt.config.settings import EngineSettings, Settings
from streamstt.daemon.model_switch import ModelSwitch
from streamstt.engine.base import EngineInfo
from streamstt.engine.runner import EngineRunner
from streamstt.errors import StreamsttError
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import EngineState
from streamstt.whisper.model_choice import AUTO, Speeds, format_ms, neighbor

CHECK_S = 5.0
CHANGED = 1.25  # times faster or slower than before, from which a machine itself has changed

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def _load_speeds() -> Speeds:
    from streamstt.whisper.live_speed import MachineSpeeds  # noqa: PLC0415 - a scripted engine needs no torch

    return MachineSpeeds()


class SpeedWatch:
    """Watches the engine of a daemon; ``run`` is a task of the event loop."""

    def __init__(
        self,
        engine: EngineRunner,
        hub: Hub,
        pipeline: CaptionPipeline,
        models: ModelSwitch,
        load_speeds: Callable[[], Speeds] = _load_speeds,
    ) -> None:
        """Starts without knowing any speed; call ``run``.

        Args:
            engine: The started engine.
            hub: Gets the engine's state, and a notice while a smaller model is in force.
            pipeline: Has the settings and the times of updates.
            models: Changes the model.
            load_speeds: Returns what is known of the speed of models; called in a thread, for real models only.
        """
        self._engine = engine
        self._hub = hub
        self._pipeline = pipeline
        self._models = models
        self._load_speeds = load_speeds
        self._policy = SpeedPolicy()
        self._info: EngineInfo | None = None  # of the model that the figures belong to
        self._settings: EngineSettings | None = None  # that were in force when it was read
        self._promised_s: float | None = None
        self._larger: list[str] = []  # the models from which it stepped down, the next one to return to last
        self._changed_to = ""  # the last model that it changed to by itself
        self._smaller = ""  # the model to step down to; empty: there is none
        self._larger_s: float | None = None

    async def run(self) -> None:
        """Watches until it is cancelled."""
        self._hub.counters.add_gauge(
            "update_seconds", "Median time of an update in the last minute.", lambda: self._median_s() or 0.0
        )
        self._hub.counters.add_gauge(
            "update_promised_seconds", "Time of an update when nothing else runs.", lambda: self._promised_s or 0.0
        )
        while True:
            await self.check(loop_time())
            await asyncio.sleep(CHECK_S)

    def _median_s(self) -> float | None:
        return self._pipeline.pace.median_s(loop_time())

    async def check(self, now: float) -> None:
        """Checks once, and acts.

        Args:
            now: Time of the event loop (s).
        """
        settings, pace = self._pipeline.settings, self._pipeline.pace
        if self._engine.info is not self._info or settings.engine != self._settings:
            if self._info and self._info.model != self._engine.info.model:
                pace.clear()
            self._info, self._settings = self._engine.info, settings.engine
            await self._read_speeds(settings)
        seen = Observation(
            now=now,
            updates=pace.count(now),
            update_s=pace.median_s(now),
            idle_s=pace.idle_s(now) if self._engine.busy_since is None else 0.0,
            sources=pace.sources(now),
            interval_s=settings.speech.update_ms / 1000,
            promised_s=self._promised_s,
            smaller=bool(self._smaller),
            larger_s=self._larger_s,
        )
        self._hub.engine_state = self._make_state(seen, settings)
        if not self._is_measurable(settings):
            return
        was_slow = self._policy.is_slow
        action = self._policy.observe(seen)
        if self._policy.is_slow != was_slow and seen.update_s and seen.promised_s:
            usual = f"{format_ms(seen.update_s)} instead of {format_ms(seen.promised_s)}"
            log.info("updates are %s: %s", "slower than promised" if self._policy.is_slow else "fast again", usual)
        match action:
            case Action.MEASURE:
                await self._measure(settings, now)
            case Action.STEP_DOWN:
                await self._step(settings, self._smaller, now, is_smaller=True)
            case Action.STEP_UP:
                await self._step(settings, self._larger[-1], now, is_smaller=False)

    def _make_state(self, seen: Observation, settings: Settings) -> EngineState:
        update_s = seen.update_s or seen.promised_s
        carried = int(MAX_CORE_SHARE * seen.interval_s / update_s) if update_s else None
        if carried == 0 and update_s and update_s <= MAX_UPDATE_S:
            carried = 1  # at a slower rhythm
        looks = self._pipeline.second_looks if settings.engine.looks_again else None
        return EngineState(
            auto=settings.engine.model == AUTO,
            update_s=seen.update_s,
            promised_s=seen.promised_s,
            interval_s=self._pipeline.pace.interval_s(seen.now, seen.interval_s),
            sources=carried,
            second_look_s=looks.heard_s if looks else None,
            second_look_skipped_s=looks.skipped_s if looks else None,
            second_look_corrections=looks.corrected if looks else None,
        )

    def _is_measurable(self, settings: Settings) -> bool:
        return not settings.engine.model.startswith("script:") and settings.engine.kind == "streaming"

    async def _read_speeds(self, settings: Settings) -> None:
        """Reads what is known of the model in force and of its neighbors."""
        self._promised_s = self._larger_s = None
        self._smaller = ""
        if not self._is_measurable(settings):
            return
        name = self._engine.info.model
        self._promised_s = await self._attempt(lambda: self._load_speeds().promised_update_s(settings.engine, name))
        if settings.engine.model != AUTO or name != self._changed_to:  # at the start, or a reload has chosen anew
            self._forget_steps()
        if settings.engine.model != AUTO:
            return
        local = await self._attempt(lambda: self._load_speeds().local_models(settings)) or ()
        self._smaller = neighbor(name, local, -1)
        if self._larger:
            larger = self._larger[-1]
            self._larger_s = await self._attempt(lambda: self._load_speeds().promised_update_s(settings.engine, larger))

    def _forget_steps(self) -> None:
        self._larger.clear()
        self._hub.notify("model", "")

    async def _attempt(self, work: Callable[[], Result]) -> Result | None:
        """Runs work in a thread; logs an error and returns None, because captions do not depend on it."""
        try:
            return await run_in_thread(work)
        except StreamsttError as error:
            log.info("the speed of the engine is not known: %s", error)
        except Exception:  # memory ran out, for instance: captions go on
            log.exception("the speed of the engine is not known")
        return None

    async def _measure(self, settings: Settings, now: float) -> None:
        """Measures number formats and speed, and loads the model anew if other formats are faster now."""
        info, before_s = self._engine.info, self._promised_s
        name = info.model
        measured = await self._attempt(lambda: self._load_speeds().measure_again(settings.engine, name))
        self._policy.measured(now)
        if measured is None or self._engine.info is not info:  # a reload has changed the model meanwhile
            return
        self._promised_s = measured.update_s
        if before_s and before_s / CHANGED < measured.update_s < before_s * CHANGED:
            log.info("this machine is as fast as before, so other programs slow updates down")
        if measured.formats != self._engine.info.precision:
            log.info("number formats %s replace %s", measured.formats, self._engine.info.precision)
            await self._change(settings, name)

    async def _step(self, settings: Settings, name: str, now: float, *, is_smaller: bool) -> None:
        """Changes to the next smaller model, or back to the larger one."""
        old = self._engine.info.model
        if await self._change(settings, name):
            if is_smaller:
                self._larger.append(old)
                log.warning("model %s replaces %s, which was too slow for minutes", name, old)
            else:
                self._larger.pop()
                log.info("model %s replaces %s, because this machine is free again", name, old)
        self._policy.model_changed(now, is_smaller=is_smaller)
        larger = self._larger[0] if self._larger else ""
        text = f"The smaller model {self._engine.info.model} is used, because {larger} is too slow at the moment."
        self._hub.notify("model", text if larger else "")

    async def _change(self, settings: Settings, name: str) -> bool:
        assert self._info, "a model is in force"
        try:
            await self._models.change(settings, name, instead_of=self._info)
        except StreamsttError as error:
            log.warning("the model stays as it was: %s", error)
            return False
        self._changed_to = name
        return True
