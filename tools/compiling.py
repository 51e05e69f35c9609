"""Compiles what pyproject.toml lists (`[tool.redactor] compiled`) with mypyc, from the source that is there.

    python tools/compiling.py build/compiled

makes a copy of the working tree in that directory, with the extensions beside the modules, to test or to measure: `cd
build/compiled && python -m pytest tests/engine`. Nothing is put beside the source itself, where it would go on running
after the source has changed. A wheel gets them by itself (tools/building.py); where build/compiled was made of the same
source, it is taken from there. Needs a C compiler, Python's headers and mypy, and a minute of processor time.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "compiled"
"""Where `make compiled` puts its copy."""
_STAMP = "compiled-from"
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


class NotCompiled(Exception):
    """What the compilers said."""


def modules(root: Path = ROOT) -> list[str]:
    """The modules that are compiled, as paths from the root."""
    named = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["redactor"]["compiled"]
    return [f"redactor/{name}" for name in named]


def obstacle() -> str:
    """Why nothing can be compiled here; empty: it can be tried."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(os.environ.get("CC", compiler).split()[0]) is None:
        return f"no C compiler ({compiler})"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "no headers of Python"
    return ""


def digest(root: Path = ROOT) -> str:
    """What the extensions are made of: the source, what of it is compiled, and for which Python."""
    total = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()} {modules(root)}".encode())
    for path in sorted((root / "redactor").rglob("*.py")):
        total.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return total.hexdigest()


def made(root: Path = ROOT, tree: Path = COPY) -> list[Path]:
    """The extensions in a copy that was made of the source as it is now, as paths from it; none: there is none."""
    stamp = tree / _STAMP
    return _extensions(tree) if stamp.is_file() and stamp.read_text() == digest(root) else []


def build(tree: Path, level: str = "3") -> list[Path]:
    """Compiles in place, in a copy of the tree; the extensions as paths from it. `level`: of the C compiler (-O3)."""
    if importlib.util.find_spec("mypyc") is None:
        raise NotCompiled("mypy is not installed")
    environment = os.environ | {"PYTHONPATH": "", "MYPYPATH": "", "CFLAGS": "-w"}
    command = [sys.executable, "-c", _SETUP, level, "--config-file=pyproject.toml", *modules(tree)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise NotCompiled(f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
    shutil.rmtree(tree / "build", ignore_errors=True)
    _set_apart(tree)
    (tree / _STAMP).write_text(digest(tree))
    return _extensions(tree)


def _extensions(tree: Path) -> list[Path]:
    return sorted(p.relative_to(tree) for p in (*tree.glob("*.so"), *(tree / "redactor").rglob("*.so")))


def _set_apart(tree: Path) -> None:
    """A directory `package` with the compiled package alone, to be put before the working tree on Python's path."""
    package = tree / "package"
    package.mkdir(exist_ok=True)
    for path in (tree / "redactor", *tree.glob("*.so")):
        (package / path.name).symlink_to(Path("..") / path.name)


def copy(tree: Path, root: Path = ROOT) -> None:
    """The working tree without what was made of it."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns(*_LEFT), symlinks=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?", default=COPY)
    parser.add_argument("--level", default="3", help="of optimization, as the C compiler counts it")
    parser.add_argument("--ask", action="store_true", help="only say what a build of the wheel will do")
    options = parser.parse_args()
    if options.ask:
        print(_forecast())
        return
    tree = options.directory.resolve()
    if found := made(tree=tree):
        print(f"{len(found)} extensions in {options.directory}, of this source")
        return
    copy(tree)
    try:
        print(f"{len(build(tree, options.level))} extensions in {options.directory}")
    except NotCompiled as e:
        raise SystemExit(f"not compiled: {obstacle() or e}") from None


def _forecast() -> str:
    if os.environ.get("REDACTOR_COMPILE", "") == "0":
        return "plain Python, as REDACTOR_COMPILE=0 says"
    if why := obstacle():
        return f"plain Python ({why}): all is there, but what is decided and relayed takes longer (docs/performance.md)"
    if made():
        return f"compiled: {COPY.relative_to(ROOT)} is of this source"
    return f"compiling {len(modules())} modules, a minute or two (REDACTOR_COMPILE=0 leaves it out) ..."


if __name__ == "__main__":
    main()
