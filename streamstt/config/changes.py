"""Which settings a reload can change while the daemon runs. Pure."""

from dataclasses import dataclass

from streamstt.config.settings import SECTIONS, Settings

# Every other setting needs a restart.
LIVE_SETTINGS = {
    *("log", "speech", "words", "server", "overlay", "engine.model", "engine.language", "engine.vocabulary"),
    *("engine.second_look", "transcript.keep_days", "transcript.keep_mb"),
}
# Settings of these sections that need a restart: the socket is bound, the listener has its time limit, the ring
# buffer its size. Add new ones here.
FIXED_SETTINGS = {"server.host", "server.port", "server.handshake_s", "speech.buffer_s"}


@dataclass(frozen=True, slots=True)
class Changes:
    """The result of comparing the current settings with newly loaded ones.

    Attributes:
        settings: Settings to use from now on: the current ones with the live changes.
        live: Names of the settings that change now.
        needs_restart: Names of the settings whose change needs a restart.
    """

    settings: Settings
    live: tuple[str, ...]
    needs_restart: tuple[str, ...]


def is_live(name: str) -> bool:
    """Returns whether a setting such as ``speech.update_ms`` can change while the daemon runs."""
    return bool({name, name.partition(".")[0]} & LIVE_SETTINGS) and name not in FIXED_SETTINGS


def compare(current: Settings, loaded: Settings) -> Changes:
    """Compares two sets of settings.

    Args:
        current: Settings in force.
        loaded: Settings that were just loaded.
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
            update={key: getattr(getattr(loaded, section), key) for owner, key in live if owner == section}
        )
        for section in SECTIONS
    }
    needs_restart = [f"{s}.{k}" for s, k in changed if (s, k) not in live] + ["source"] * (
        current.source != loaded.source
    )
    return Changes(current.model_copy(update=sections), tuple(f"{s}.{k}" for s, k in live), tuple(needs_restart))
