"""``python -m streamstt``."""

from streamstt.cli import main

main()
