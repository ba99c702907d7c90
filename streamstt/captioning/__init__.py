"""From sources to captions in the hub: the live path."""
