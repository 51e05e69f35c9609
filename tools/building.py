"""The wheel's build hook: with REDACTOR_COMPILE=1 in the environment it puts compiled modules beside their source.

Without it, the wheel is plain Python and runs anywhere. With it, a C compiler and mypy must be there, and the wheel is
for one platform and one version of Python.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compiling


class Compiling(BuildHookInterface[Any]):
    """Compiles, where that is asked for."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return ["mypy>=1.14", "setuptools>=65"] if _wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable" or not _wanted():
            return
        self._place = tempfile.TemporaryDirectory(prefix="redactor-compiling-")
        tree = Path(self._place.name) / "tree"
        compiling.copy(tree, Path(self.root))
        for extension in compiling.build(tree):
            build_data["force_include"][str(tree / extension)] = str(extension)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        place = getattr(self, "_place", None)
        if place is not None:
            place.cleanup()


def _wanted() -> bool:
    return os.environ.get("REDACTOR_COMPILE", "") not in ("", "0")
