"""Which GPU there is, what device and precision a run gets, and which of several processes this one is.

Importing torch takes two seconds of a processor, so a machine that cannot have a GPU is told from one that may before that:
by the driver's files, and by the build of torch. Only then torch and accelerate are asked. accelerate's `PartialState` is not
made: it is one for the whole process, where every run may choose its device, and in a process of several it waits for all the
others, where a batch must go on without them.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gioconda.errors import SettingError
from heads.base import Precision

DEVICES = r"auto|cpu|mps|cuda(:\d{1,3})?"
"""What `--device` takes, as a regular expression."""

BEST: Mapping[str, Precision] = {"cuda": "fp16", "mps": "fp32", "cpu": "fp32"}
"""What `--precision auto` means: half precision on a CUDA GPU, as LivePortrait itself does (`flag_use_half_precision`, KwaiVGI
at 1986663, src/config/argument_config.py); single on a processor, and on Apple's GPUs, where nothing was measured."""

LOOKAHEAD, LOOKAHEAD_GPU = 16, 32
"""Cues that a head may look ahead: a fifth of a second to either side for smoothing; and on a GPU two batches, one that is
painted while the other is laid out."""

BFLOAT16 = (
    (r"amx_bf16", "bf16 takes about a quarter of fp32's time on this processor (AMX)"),
    (r"avx512_bf16|bf16", "bf16 gains little or nothing over fp32 on this processor"),
    (r"", "bf16 is many times slower than fp32 on this processor, which does not have it"),
)
"""Words in a processor's list of features, and what `--precision bf16` is worth with them (`bench/liveportrait.py`, 2026-11-27,
two cores: 0.27 of fp32's time with AMX; with AVX-512 alone 0.85 on an AMD EPYC, 1.4 on an Intel; without either 4 to 15)."""

_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Files that a GPU's driver makes under Linux: NVIDIA's, the one of WSL, AMD's."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """The GPU that a run would take, or why there is none."""

    device: str | None
    """"cuda:0", "mps"; None where there is none."""
    about: str
    """Its name, or the reason."""


def lookahead(device: str) -> int:
    """Cues that a head may look ahead on a device ("cpu", "cuda:0", "mps")."""
    return LOOKAHEAD if device == "cpu" else LOOKAHEAD_GPU


def gpu() -> Gpu:
    """The GPU of this process: with several processes on a machine, each has its own.

    accelerate's variables are obeyed: ACCELERATE_USE_CPU=1 (which `accelerate launch --cpu` sets) hides every GPU, and
    ACCELERATE_TORCH_DEVICE names the device and is taken at its word.
    """
    named = os.environ.get("ACCELERATE_TORCH_DEVICE", "")
    if named == "cpu" or os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"):
        return Gpu(None, "ACCELERATE_USE_CPU or ACCELERATE_TORCH_DEVICE asks for the CPU")
    if named:
        if named == "auto" or not re.fullmatch(DEVICES, named):
            raise SettingError(
                f"ACCELERATE_TORCH_DEVICE is {named}.",
                "Heads run on cuda, cuda:N, mps and cpu.",
                "Set it to one of these, or unset it.",
            )
        return Gpu(named, "named by ACCELERATE_TORCH_DEVICE")
    absent = absence()
    return _asked() if absent is None else Gpu(None, absent)


def absence() -> str | None:
    """Why no GPU can be there, found out without importing torch; None where one may be."""
    try:
        build = version("torch")
    except PackageNotFoundError:
        return "torch is not installed"
    if build.endswith("+cpu"):
        return f"no GPU can be used: torch {build} is built for the CPU alone"
    if sys.platform == "darwin":
        return None if platform.machine() == "arm64" else "no GPU was found"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    if sys.platform == "win32":
        library = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll")
        return None if library.exists() else "no GPU was found"
    return None if any(Path(file).exists() for file in _DRIVERS) else "no GPU was found"


def _asked() -> Gpu:
    """What torch says, asked through accelerate."""
    import torch
    from accelerate.utils import is_cuda_available, is_mps_available

    if is_cuda_available():
        index = seat().local % torch.cuda.device_count()
        return Gpu(f"cuda:{index}", torch.cuda.get_device_name(index))
    if is_mps_available():
        return Gpu("mps", f"Apple {platform.machine()}")
    return Gpu(None, "a driver is there, but torch finds no GPU that it can use")


def device(wanted: str) -> Gpu:
    """The device that a head of networks gets.

    Args:
        wanted: "auto", "cpu", "mps", "cuda" or "cuda:N".

    Returns:
        The GPU; its device is None for the CPU.

    Raises:
        SettingError: a GPU was asked for by name that is not there.
    """
    if wanted == "cpu":
        return Gpu(None, "--device cpu was given")
    found = gpu()
    if wanted == "auto" or wanted == found.device:
        return found
    kind, _, number = wanted.partition(":")
    if found.device is not None and found.device.partition(":")[0] == kind:
        if not number:
            return found
        import torch

        if kind == "cuda" and (index := int(number)) < torch.cuda.device_count():
            return Gpu(f"cuda:{index}", torch.cuda.get_device_name(index))
    there = f"The GPU here is {found.device} ({found.about})" if found.device else found.about[:1].upper() + found.about[1:]
    raise SettingError(f"--device is {wanted}.", f"{there}.", "Choose --device auto, or another one.")


def worth_of_bf16(features: Path = Path("/proc/cpuinfo")) -> str | None:
    """What `--precision bf16` is worth on this machine's processor, in words; None where nothing tells (other than Linux)."""
    try:
        listed = re.search(r"^(?:flags|Features)\s*:(.*)$", features.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    if listed is None:
        return None
    return next(words for name, words in BFLOAT16 if not name or re.search(rf"\b(?:{name})\b", listed[1]))


def precision(wanted: str, device: str) -> Precision:
    """The precision that a head of networks gets on a device ("cpu", "cuda:0", "mps").

    Raises:
        SettingError: the device does not work in the precision that was asked for.
    """
    kind = device.partition(":")[0]
    if wanted == "fp16" and kind == "cpu":
        raise SettingError(
            "--precision is fp16 and the device is the CPU.",
            "A processor works in fp32, or in bf16, which is faster where it has AMX.",
            "Choose --precision fp32 or bf16.",
        )
    if wanted == "bf16" and kind == "cuda" and not _has_bf16(device):
        raise SettingError(
            f"--precision is bf16 and {device} does not have it.",
            "NVIDIA's GPUs have it from the generation Ampere (2020) on.",
            "Choose --precision fp16 or fp32.",
        )
    known: Mapping[str, Precision] = {"fp32": "fp32", "fp16": "fp16", "bf16": "bf16"}
    return known.get(wanted, BEST[kind])


def _has_bf16(device: str) -> bool:
    """Whether a GPU of NVIDIA or AMD computes in bfloat16 itself.

    `accelerate.utils.is_bf16_available` also says yes where PyTorch only imitates it, for which cuDNN has no convolutions.
    """
    import torch

    if not torch.cuda.is_available():
        return False
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@dataclass(frozen=True, slots=True)
class Seat:
    """Which of several processes this is; torchrun, `accelerate launch` and mpirun tell it by variables."""

    rank: int = 0
    """Among all processes, from 0."""
    of: int = 1
    """How many processes there are."""
    local: int = 0
    """Among the processes of this machine, from 0."""


_SEATS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
)
"""Variables of torchrun and accelerate, Open MPI, and the MPIs that come from MPICH."""


def seat() -> Seat:
    """The seat of this process; the only one where nothing says otherwise."""
    for names in _SEATS:
        told = [os.environ.get(name, "") for name in names]
        if re.fullmatch(r"\d+ [1-9]\d* \d*", " ".join(told)):
            return Seat(int(told[0]), int(told[1]), int(told[2] or 0))
    return Seat()
