"""The version, defined once: for the package, ``--version``, ``hello`` and the release tag."""

__version__ = "0.1.0"
