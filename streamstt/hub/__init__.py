"""Numbers events and hands them to every subscriber, whose number and speed do not matter."""
