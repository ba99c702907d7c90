"""Some speech that precedes silence when that is encoded: silence after speech is encoded otherwise than alone."""

from threading import Event

import numpy as np

from streamstt.audio.format import Samples, samples_from_ms
from streamstt.audio.sources import AudioFile
from streamstt.samples import welcome

LEAD_IN_MS = (500, 1500)  # ms: where it lies in the bundled recording


def read_lead_in() -> Samples:
    """Returns a second of speech from the bundled recording, shape (n,), 16 kHz."""
    file = AudioFile(welcome(), fast=True)
    file.open()
    blocks: list[Samples] = []
    while block := file.read(Event()):
        blocks.append(block.samples)
        if block.end >= samples_from_ms(LEAD_IN_MS[1]):
            break
    file.close()
    return np.concatenate(blocks)[samples_from_ms(LEAD_IN_MS[0]) : samples_from_ms(LEAD_IN_MS[1])]
