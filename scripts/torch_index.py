"""Prints the option with which pip installs torch's CPU build; nothing if pip's own choice is right.

On Linux, pip's own torch brings gigabytes of CUDA libraries, which only an NVIDIA card can use. If pip is configured to
use other indexes (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, pip.conf), they decide, and PyTorch's index is not asked.

TORCH_INDEX overrides the choice: the URL of an index, or ``none`` for pip's own torch.
"""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
REACHABLE_WITHIN_S = 5.0  # for each package, pip itself would try for a quarter of a minute
COMMAND_S = 60.0  # limit for pip and nvidia-smi
INDEX_OPTIONS = {"index-url", "extra-index-url", "no-index"}


def torch_index(platform: str, override: str, *, has_card: bool, pip_config: Sequence[str]) -> str:
    """Returns the URL of the index to install torch from; empty: pip's own choice.

    Args:
        platform: As ``sys.platform``; elsewhere than on Linux pip's own torch has no CUDA.
        override: Value of ``TORCH_INDEX``.
        has_card: Whether this machine has an NVIDIA card.
        pip_config: Lines of ``pip config list``.
    """
    if override:
        return "" if override == "none" else override
    return "" if platform != "linux" or has_card or has_own_index(pip_config) else CPU_INDEX


def has_own_index(pip_config: Sequence[str]) -> bool:
    """Returns whether pip's configuration, of which these are the lines, names an index; an empty value names none."""
    settings = (line.partition("=") for line in pip_config)
    return any(name.rpartition(".")[2] in INDEX_OPTIONS and value.strip("'\" ") for name, _, value in settings)


def has_nvidia_card(driver: Path = Path("/proc/driver/nvidia/gpus")) -> bool:
    """Returns whether the NVIDIA driver has found a card; without its driver a card is of no use.

    Args:
        driver: Folder in which the driver lists its cards.
    """
    return any(driver.glob("*")) or "GPU " in _output("nvidia-smi", "-L")


def is_reachable(url: str) -> bool:
    """Returns whether an index answers."""
    try:
        with urllib.request.urlopen(f"{url}/torch/", timeout=REACHABLE_WITHIN_S):  # noqa: S310 - our own address
            return True
    except OSError:
        return False


def _output(*command: str) -> str:
    """Returns the standard output of a command; empty if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def main() -> None:
    """Prints the option for this machine."""
    override = os.environ.get("TORCH_INDEX", "")
    pip_config = _output(sys.executable, "-m", "pip", "config", "list").splitlines()
    index = torch_index(sys.platform, override, has_card=has_nvidia_card(), pip_config=pip_config)
    if index and not override and not is_reachable(index):
        sys.stderr.write(f"{index} cannot be reached: pip's own torch is installed, which may bring CUDA.\n")
    elif index:
        sys.stdout.write(f"--extra-index-url {index}")


if __name__ == "__main__":
    main()
