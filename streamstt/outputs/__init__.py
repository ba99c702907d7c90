"""Captions to other programs and services: each an ordinary subscriber of the hub."""
