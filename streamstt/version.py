"""The version, in one place: the package, ``--version``, ``hello`` and the tag read it here."""

__version__ = "0.1.0"
