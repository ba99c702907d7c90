"""Remembers measured speeds in a file, so that a machine measures each size of model once.

The file may be shared by several machines, as a home directory may be; each has its own entries.
"""

import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

HUB_RETRY_S = 3600.0  # a hub that could not be reached is not asked again at every start

log = logging.getLogger(__name__)


class SpeedStore:
    """Seconds of a typical update by machine and model, and when the model hub could not be reached.

    A file that is missing or damaged is empty, and one that cannot be written is not: all is measured again then.
    """

    def __init__(self, path: Path, machine: str) -> None:
        """Opens it.

        Args:
            path: The file; need not exist.
            machine: Identifies this machine and this version of the program.
        """
        self._path = path
        self._machine = machine

    def update_s(self, model: str) -> float | None:
        """Returns the seconds of an update that were measured; None: none were.

        Args:
            model: Identifies a size of model and its number formats.
        """
        value = self._entry().get(model)
        return float(value) if isinstance(value, int | float) and value > 0 else None

    def set_update_s(self, model: str, seconds: float) -> None:
        """Remembers the seconds of an update."""
        self._write(self._machine, self._entry() | {model: seconds})

    def hub_failed(self, hub: str) -> bool:
        """Returns whether the hub with this address could not be reached lately."""
        failed_at = self._read("hubs").get(hub)
        return isinstance(failed_at, int | float) and 0 <= time.time() - failed_at < HUB_RETRY_S

    def set_hub_failed(self, hub: str) -> None:
        """Remembers that the hub with this address cannot be reached."""
        self._write("hubs", self._read("hubs") | {hub: time.time()})

    def _entry(self) -> dict[str, Any]:
        return self._read(self._machine)

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _read(self, key: str) -> dict[str, Any]:
        value = self._content().get(key)
        return value if isinstance(value, dict) else {}

    def _write(self, key: str, value: dict[str, Any]) -> None:
        """Replaces the file as a whole: another process may be reading it."""
        text = json.dumps(self._content() | {key: value}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, scratch = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(scratch).chmod(0o644)  # the folder says who may read it
                Path(scratch).replace(self._path)
            except OSError:
                Path(scratch).unlink(missing_ok=True)
                raise
        except OSError as error:
            log.info("cannot store measured speeds in %s: %s", self._path, error)
