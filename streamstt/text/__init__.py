"""Rules of written language: pure, and free of settings."""
