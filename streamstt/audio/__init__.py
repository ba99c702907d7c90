"""Audio: the internal format, sources, capture threads, the ring buffer and voice activity detection."""
