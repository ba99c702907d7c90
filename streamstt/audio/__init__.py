"""Audio: format, sources, capture threads, ring buffer, voice activity."""
