"""Measuring: how good captions are, how soon they come and what they cost; and how fast this machine is."""
