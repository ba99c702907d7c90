"""From audio frames to utterances to captions. Pure: no thread, clock, socket or model."""
