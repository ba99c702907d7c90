"""The entry point of ``streamstt`` and of ``python -m streamstt``."""

import gc
import signal


def main() -> None:
    """Runs the command line; Ctrl-C while it is still being imported ends it without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # imports make no garbage, and looking for it takes a tenth of their time
    from streamstt.cli.app import main as run  # noqa: PLC0415 - takes a third of a second, in which Ctrl-C may come

    gc.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
