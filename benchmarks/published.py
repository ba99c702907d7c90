#!/usr/bin/env python3
"""``streamstt`` that notes when its hub publishes each message: ``published.py FILE run ...``.

A line of the file is a sequence number and a time of ``time.perf_counter``, which on Linux is one clock for all
processes.
"""

import sys
import time
from pathlib import Path

from streamstt.cli.app import main
from streamstt.events import Event
from streamstt.hub.hub import Hub


def log_publish_times(path: Path) -> None:
    """Has every hub of this process write down when it begins to publish."""
    file = path.open("w", buffering=1)
    publish = Hub.publish

    def noted(hub: Hub, *events: Event) -> None:
        now, before = time.perf_counter(), hub.seq
        publish(hub, *events)
        file.writelines(f"{seq} {now:.6f}\n" for seq in range(before + 1, hub.seq + 1))

    Hub.publish = noted  # type: ignore[method-assign]


if __name__ == "__main__":
    log_publish_times(Path(sys.argv.pop(1)))
    main()
