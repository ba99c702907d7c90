"""Measures the accuracy, delay and cost of captions, and how fast this machine is."""
