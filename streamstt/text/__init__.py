"""Rules of written language. Pure; knows no settings."""
