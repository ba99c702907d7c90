"""What is done about updates that are slower than promised, with clear rules and without flapping."""

from dataclasses import dataclass, field, replace

from streamstt.captioning.speed_policy import MEASURE_EVERY_S, Action, Observation, SpeedPolicy

SMALL = Observation(0, 60, 0.3, 0.5, 1, 0.6, 0.3, smaller=True)
BASE = Observation(0, 60, 0.16, 0.5, 1, 0.6, 0.16, larger_s=0.3)


@dataclass
class Day:
    """Observes every five seconds, does what is asked, and notes it."""

    policy: SpeedPolicy = field(default_factory=SpeedPolicy)
    now: float = 0.0
    actions: list[tuple[float, Action]] = field(default_factory=list)

    def speak(self, seen: Observation, seconds: float) -> list[Action]:
        """Returns the actions within these seconds."""
        before, until = len(self.actions), self.now + seconds
        while self.now < until:
            self.now += 5
            action = self.policy.observe(replace(seen, now=self.now))
            if action is Action.NOTHING:
                continue
            self.actions.append((self.now, action))
            if action is Action.MEASURE:
                self.policy.measured(self.now)
            else:
                self.policy.model_changed(self.now, is_smaller=action is Action.STEP_DOWN)
        return [action for _, action in self.actions[before:]]

    def pause(self, seen: Observation, seconds: float = 30) -> list[Action]:
        """As ``speak``, in silence."""
        return self.speak(replace(seen, updates=0, update_s=None, idle_s=60), seconds)


def test_as_promised() -> None:
    """Nothing is done, however long it lasts."""
    day = Day()
    assert day.speak(SMALL, 3600) == []
    assert day.pause(SMALL) == []
    assert day.speak(replace(SMALL, update_s=0.55), 3600) == [], "less than twice"


def test_slow_updates_are_measured_in_the_next_silence() -> None:
    """Not while somebody speaks; once, and not again within an hour."""
    day = Day()
    slow = replace(BASE, update_s=0.4, larger_s=None)
    assert day.speak(slow, 60) == []
    assert day.policy.is_slow
    assert day.pause(slow) == [Action.MEASURE]
    assert day.speak(slow, 60) + day.pause(slow) == []
    assert day.speak(replace(slow, update_s=0.16), 60) == []
    assert not day.policy.is_slow
    day.speak(slow, 60)
    assert day.pause(slow, MEASURE_EVERY_S) == [Action.MEASURE]


def test_what_was_never_measured_is() -> None:
    """In the first silence."""
    day = Day()
    unknown = replace(BASE, promised_s=None)
    assert day.speak(unknown, 60) == []
    assert day.pause(unknown, 60) == [Action.MEASURE]


def test_few_updates_say_nothing() -> None:
    """Little speech is no reason; but if updates take seconds, there are only few of them."""
    assert Day().speak(replace(SMALL, update_s=1.5, updates=10), 600) == []
    assert Action.STEP_DOWN in Day().speak(replace(SMALL, update_s=4, updates=8), 600)


def test_a_model_that_is_too_slow_for_minutes_steps_down() -> None:
    """It is too slow when even rare updates would not leave the engine free; a short time of it is no reason."""
    day = Day()
    slow = replace(SMALL, update_s=0.8)
    assert day.speak(slow, 60) == []
    assert day.speak(SMALL, 10) == []
    assert day.speak(slow, 100) == []
    assert day.speak(slow, 30) == [Action.STEP_DOWN]
    assert Day().speak(replace(slow, smaller=False), 600) == []
    assert Day().speak(replace(SMALL, update_s=0.7), 600) == [], "rare updates are enough"


def test_two_sources_need_twice_the_time() -> None:
    """The sources that speak count, not those of the settings."""
    assert Day().speak(replace(SMALL, update_s=0.4), 300) == []
    assert Action.STEP_DOWN in Day().speak(replace(SMALL, update_s=0.4, sources=2), 300)


def test_it_returns_when_the_machine_is_free() -> None:
    """After ten minutes; the present speed of the smaller model tells that of the larger one."""
    day = Day()
    day.speak(replace(SMALL, update_s=0.8), 130)
    assert day.actions[-1][1] is Action.STEP_DOWN
    assert day.speak(replace(BASE, update_s=0.4), 3600) == [], "still busy"
    assert day.speak(BASE, 100) == []
    assert day.speak(BASE, 60) == [Action.STEP_UP]


def test_it_does_not_flap() -> None:
    """A machine that is busy whenever the larger model runs has few changes, and fewer as time goes by."""
    day = Day()
    for _ in range(8 * 3600 // 5):
        is_small = not day.actions or day.actions[-1][1] is Action.STEP_UP
        day.speak(replace(SMALL, update_s=0.8) if is_small else BASE, 5)
    falls = [at for at, action in day.actions if action is Action.STEP_DOWN]
    assert len(day.actions) <= 12
    assert falls[-1] - falls[-2] > 2 * (falls[1] - falls[0])
