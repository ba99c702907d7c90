"""The live path: from the audio of sources to captions in the hub."""
