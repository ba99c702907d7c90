"""Whisper's forward pass: encoder, decoder, their layers and number formats."""
