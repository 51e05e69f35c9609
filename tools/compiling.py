"""Compiles what pyproject.toml lists (`[tool.redactor] compiled`) with mypyc, from the source that is there.

    python tools/compiling.py build/compiled

makes a copy of the working tree in that directory, with the extensions beside the modules, to test or to measure: `cd
build/compiled && python -m pytest tests/engine`. Nothing is put beside the source itself, where it would go on running
after the source has changed. A wheel gets them by REDACTOR_COMPILE=1 (tools/building.py). Needs a C compiler, the
development environment, and minutes rather than seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LEFT = ("__pycache__", ".*", "build", "dist", "var", "*.so", "results")

_SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import Distribution

level, *modules = sys.argv[1:]
made = mypycify(modules, opt_level=level, debug_level="0", group_name="redactor")
# without setup(), which would read pyproject.toml as its own
command = Distribution({"name": "redactor", "ext_modules": made}).get_command_obj("build_ext")
command.inplace = True
command.ensure_finalized()
command.run()
"""


def modules(root: Path = ROOT) -> list[str]:
    """The modules that are compiled, as paths from the root."""
    named = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["redactor"]["compiled"]
    return [f"redactor/{name}" for name in named]


def build(tree: Path, level: str = "3") -> list[Path]:
    """Compiles in place, in a copy of the tree; the extensions as paths from it. `level`: of the C compiler (-O3)."""
    environment = os.environ | {"PYTHONPATH": "", "MYPYPATH": "", "CFLAGS": "-w"}
    command = [sys.executable, "-c", _SETUP, level, "--config-file=pyproject.toml", *modules(tree)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"not compiled:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    shutil.rmtree(tree / "build", ignore_errors=True)
    return sorted(p.relative_to(tree) for p in (*tree.glob("*.so"), *(tree / "redactor").rglob("*.so")))


def copy(tree: Path, root: Path = ROOT) -> None:
    """The working tree without what was made of it."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns(*_LEFT), symlinks=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--level", default="3", help="of optimization, as the C compiler counts it")
    options = parser.parse_args()
    copy(options.directory)
    made = build(options.directory.resolve(), options.level)
    print(f"{len(made)} extensions in {options.directory}")


if __name__ == "__main__":
    main()
