"""Captions over message brokers: a daemon publishes them, and edges read them."""
