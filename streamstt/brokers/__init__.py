"""Captions over message brokers: published by a daemon, read by edges."""
