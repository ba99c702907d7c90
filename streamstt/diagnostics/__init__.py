"""What ``streamstt check`` finds: facts, probes, verdicts."""
