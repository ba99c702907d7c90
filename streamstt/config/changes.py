"""Which settings can change while the daemon runs. Pure."""

from dataclasses import dataclass

from streamstt.config.settings import SECTIONS, Settings

# What is not named here needs a restart: so does a setting that somebody adds and does not think of this.
LIVE_SETTINGS = {
    *("log", "speech", "words", "server", "overlay", "engine.language", "engine.vocabulary"),
    *("transcript.keep_days", "transcript.keep_mb"),
}
# Of the sections above: the socket is bound, a handshake's time is the listener's, and the ring has its size.
FIXED_SETTINGS = {"server.host", "server.port", "server.handshake_s", "speech.buffer_s"}


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload comes to.

    Attributes:
        settings: Those that are to be in force now.
        live: Names of the settings that change.
        needs_restart: Names of those that would, after a restart.
    """

    settings: Settings
    live: tuple[str, ...]
    needs_restart: tuple[str, ...]


def is_live(name: str) -> bool:
    """Whether a setting, such as ``speech.update_ms``, can change while the daemon runs."""
    return bool({name, name.partition(".")[0]} & LIVE_SETTINGS) and name not in FIXED_SETTINGS


def compare(current: Settings, loaded: Settings) -> Changes:
    """Compares settings.

    Args:
        current: In force.
        loaded: As they have just been read.
    """
    changed = [
        (section, key)
        for section, model in SECTIONS.items()
        for key in model.model_fields
        if getattr(getattr(current, section), key) != getattr(getattr(loaded, section), key)
    ]
    live = [(section, key) for section, key in changed if is_live(f"{section}.{key}")]
    sections = {
        section: getattr(current, section).model_copy(
            update={key: getattr(getattr(loaded, section), key) for of, key in live if of == section}
        )
        for section in SECTIONS
    }
    waiting = [f"{s}.{k}" for s, k in changed if (s, k) not in live] + ["source"] * (current.source != loaded.source)
    return Changes(current.model_copy(update=sections), tuple(f"{s}.{k}" for s, k in live), tuple(waiting))
