"""Life under a service manager: what it is told, whether it goes on, what changes while it runs, its unit files."""
