"""The commands, a module each or a module a group; ``cli`` puts them together."""
