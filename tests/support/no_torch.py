"""A plugin of pytest: with ``-p tests.support.no_torch`` torch, which takes seconds to import, cannot be imported."""

import sys
from importlib.abc import MetaPathFinder

BLOCKED = {"torch", "transformers"}


class _Blocker(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname.partition(".")[0] in BLOCKED:
            raise ImportError(f"unit tests run without {fullname}; tests that need it belong into tests/model")


sys.meta_path.insert(0, _Blocker())
