"""Live captions from Whisper, while people are still speaking."""
