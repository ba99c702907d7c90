"""Sends captions to other programs and services; each output is an ordinary subscriber of the hub."""
