"""Sound devices: selection, backends, the recorder process, and microphones as sources."""
