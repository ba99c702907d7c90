"""Is this machine ready? Facts, gathered in one place, and what they mean."""
