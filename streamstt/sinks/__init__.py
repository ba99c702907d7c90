"""Where captions go besides viewers: subscribers of the hub."""
