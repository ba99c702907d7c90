"""What the program imports and holds: only what it uses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

UNUSED = ("transformers", "tokenizers", "cryptography", "httpx", "httpx2", "torch._dynamo", "torch._inductor")
MAX_MB = (
    420  # tiny.en in float32 and int8 took 335 MB on Linux with torch 2.13; base in bfloat16 and int8 takes 40 more
)

CAPTION = """
import json, sys
import numpy as np
from streamstt.whisper.torch_import import import_all_parts, META, skip_unused_parts
skip_unused_parts()  # as the command line does
import streamstt.cli.app, streamstt.daemon.app
from streamstt.config.settings import EngineSettings
from streamstt.engine.base import Job
from streamstt.whisper.loader import load_engine
engine = load_engine(EngineSettings(model=sys.argv[1], encoder="float32", decoder="int8"))
noise = np.random.default_rng(1).normal(0, 0.01, 160_000).astype(np.float32)
for seconds in (4, 8, 10):
    engine.decode(Job("mic", 0, noise[: seconds * 16_000], final=seconds == 10))
names = sorted(sys.modules)
is_empty = sys.modules[META].__spec__ is None
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # of this program, not its parent
peak_mb = int(peak.split()[1]) / 1024
import_all_parts()
import torch
shape = list(torch.nonzero_static(torch.ones(3, device="meta"), size=2).shape)
print(json.dumps([names, is_empty, peak_mb, shape]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted otherwise")
def test_the_daemon_needs_little(tiny_folder: Path) -> None:
    """Captioning imports no second tokenizer, no certificates and no compiler, and fits into a small machine."""
    done = subprocess.run([sys.executable, "-c", CAPTION, str(tiny_folder)], capture_output=True, text=True, check=True)
    names, is_empty, peak_mb, shape = json.loads(done.stdout)
    assert [name for name in UNUSED if name in names] == []
    assert is_empty
    assert peak_mb < MAX_MB
    assert shape == [2, 1], "all of torch can be had later"
