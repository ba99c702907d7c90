#!/usr/bin/env python3
"""The decoder's part of live captions: ``benchmarks/decoder.py talk.flac --language en``.

Captions a recording on the simulated clock, with the default settings and 0.14 s for each decode, and counts what the
decoder does. Results, means per update:

- ``passes``: how often all weights of the decoder are read.
- ``tokens_first_pass``: tokens that the first of these passes reads.
- ``decoder_cpu_ms``: CPU time of all passes; compare only runs in turns on the same machine.
- ``cpu_ms``: CPU time of the whole update: spectrogram, encoder, decoder, times of the words.

Use it with two working trees in turns to compare them: ``PYTHONPATH=TREE python benchmarks/decoder.py ...``.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from streamstt.bench.benchmark import read_recording
from streamstt.bench.simulation import simulate
from streamstt.config.settings import EngineSettings, SpeechSettings
from streamstt.engine.base import Hypothesis, Job
from streamstt.whisper.checkpoints.search import find
from streamstt.whisper.network.decoder import DecoderInput, DecoderOutput
from streamstt.whisper.streaming import StreamingEngine

DECODE_S = 0.14  # s on the simulated clock, so that the same updates are made on every machine


class MeasuredEngine(StreamingEngine):
    """Measures each update and the decoder's passes in it."""

    passes: list[tuple[int, float]]
    updates: list[tuple[float, list[tuple[int, float]]]]

    def measure(self) -> None:
        """Starts measuring."""
        self.passes, self.updates = [], []
        decoder = self.network.decoder
        forward = decoder.forward_batch

        def timed(inputs: Sequence[DecoderInput]) -> list[DecoderOutput]:
            start = time.thread_time()
            outputs = forward(inputs)
            self.passes.append((len(inputs[0].tokens), time.thread_time() - start))
            return outputs

        decoder.forward_batch = timed  # type: ignore[method-assign]

    def decode(self, job: Job) -> Hypothesis:
        """Decodes one job."""
        self.passes = []
        start = time.thread_time()
        hypothesis = super().decode(job)
        self.updates.append((time.thread_time() - start, self.passes))
        return hypothesis


def main() -> None:
    """Parses the command line, measures, and prints the results as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--language")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--decoder", default="auto")
    options = parser.parse_args()
    settings = EngineSettings(encoder=options.encoder, decoder=options.decoder)
    engine = MeasuredEngine(find(options.model), settings)
    engine.measure()
    simulate([read_recording(options.recording)], engine, SpeechSettings(), options.language, DECODE_S)
    updates = [update for update in engine.updates if update[1]]
    result = {
        "updates": len(updates),
        "passes": statistics.mean(len(passes) for _, passes in updates),
        "tokens_first_pass": statistics.mean(passes[0][0] for _, passes in updates),
        "decoder_cpu_ms": 1000 * statistics.mean(sum(s for _, s in passes) for _, passes in updates),
        "cpu_ms": 1000 * statistics.mean(s for s, _ in updates),
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
