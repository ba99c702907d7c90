"""The hub: numbers events and delivers them to every subscriber, however many there are and however slow."""
