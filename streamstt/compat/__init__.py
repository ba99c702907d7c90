"""Third-party protocols: each makes a source of its client's audio and translates the source's captions."""
