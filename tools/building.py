"""The wheel's build hook: compiled modules beside their source, where there is a C compiler.

Without one, or where compiling fails, the wheel is plain Python and runs anywhere; with one, it is for one platform and
one version of Python. REDACTOR_COMPILE=0 leaves compiling out, REDACTOR_COMPILE=1 has the build fail rather than go
without. A link to the working tree (`pip install -e`, which `make test` and `make demo` run) stays plain.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compiling


class Compiling(BuildHookInterface[Any]):
    """Compiles, where that can be done."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        if self.target_name != "wheel" or _wish() == "0" or (_wish() != "1" and compiling.obstacle()):
            return []
        # those with which it is tested
        lock = Path(self.root) / "requirements-dev.lock"
        found = re.findall(r"^(?:mypy|setuptools)==[^ ;\\]+", lock.read_text(), re.M) if lock.is_file() else []
        return found or ["mypy", "setuptools"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable" or _wish() == "0":
            return
        try:
            tree, extensions = self._compiled()
        except (compiling.NotCompiled, OSError) as e:
            if _wish() == "1":
                raise SystemExit(f"not compiled: {e}") from None
            self.app.display_warning(f"plain Python: not compiled, {e}")
            return
        for extension in extensions:
            build_data["force_include"][str(tree / extension)] = str(extension)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        self.app.display_info(f"{len(extensions)} extensions compiled")

    def _compiled(self) -> tuple[Path, list[Path]]:
        """The copy and its extensions. pip asks for a wheel's metadata first, and then for the wheel: they are kept."""
        root = Path(self.root)
        tree = root / "build" / "compiled"
        if found := compiling.made(root, tree):
            return tree, found
        if why := compiling.obstacle():
            raise compiling.NotCompiled(why)
        compiling.copy(tree, root)
        return tree, compiling.build(tree)


def _wish() -> str:
    """0: no; 1: by all means; else where it can be done."""
    return os.environ.get("REDACTOR_COMPILE", "")
