#!/usr/bin/env python3
"""``streamstt`` that logs when its hub publishes each message: ``published.py FILE run ...``.

Each line of the file is a sequence number and a time of ``time.perf_counter``, which on Linux all processes share.
"""

import sys
import time
from pathlib import Path

from streamstt.cli.app import main
from streamstt.events import Event
from streamstt.hub.hub import Hub


def log_publish_times(path: Path) -> None:
    """Makes every hub of this process log when it begins to publish."""
    file = path.open("w", buffering=1)
    publish = Hub.publish

    def publish_and_log(hub: Hub, *events: Event) -> None:
        now, before = time.perf_counter(), hub.seq
        publish(hub, *events)
        file.writelines(f"{seq} {now:.6f}\n" for seq in range(before + 1, hub.seq + 1))

    Hub.publish = publish_and_log  # type: ignore[method-assign]


if __name__ == "__main__":
    log_publish_times(Path(sys.argv.pop(1)))
    main()
