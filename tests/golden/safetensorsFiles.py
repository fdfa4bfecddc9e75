"""Golden files for the safetensors reader and the 16-bit conversions, written by the official library and by PyTorch.

Run: python safetensorsFiles.py      (versions: requirements.txt)
"""
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

OUT = Path(__file__).parent / "safetensorsFiles"


def bits(t):
    return [int(b) for b in t.to(torch.float32).contiguous().view(torch.int32).flatten().numpy().view(np.uint32)]


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def main():
    OUT.mkdir(exist_ok=True)
    torch.manual_seed(0)
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, float("inf"), float("-inf"), 1e-40, 65504.0, 3.0e38, 1e-45, 0.1, 1 / 3])
    tensors = {
        "single": torch.randn(3, 5),
        "special.f32": special,
        "half": torch.randn(4, 3).half(),
        "special.f16": special.half(),
        "brain": torch.randn(2, 2, 2).bfloat16(),
        "special.bf16": special.bfloat16(),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "integers": torch.arange(4),
        "naïve \"name\" 東京": torch.ones(1),
    }
    save_file(tensors, OUT / "mixed.safetensors", metadata={"format": "pt"})
    expected = {name: {"shape": list(t.shape), "bits": bits(t)} for name, t in tensors.items() if name != "integers"}

    # Every half as f32, and f32 values around every rounding boundary as halves and as bfloat16. NaN payloads are left out.
    halves = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(torch.float16).to(torch.float32)
    keep = ~torch.isnan(halves)
    words = np.arange(0, 2**32, 65521 * 3, dtype=np.uint64).astype(np.uint32)  # an odd stride meets every exponent
    edges = halves[keep].numpy().view(np.uint32).astype(np.int64)
    near = np.concatenate([edges + d for d in (-1, 1, 0x0FFF, 0x1000, 0x1001, 0x7FFF, 0x8000)]) & 0xFFFFFFFF
    values = np.concatenate([words, near.astype(np.uint32)]).view(np.float32)
    values = values[~np.isnan(values)]
    floats = torch.from_numpy(values.copy())
    conversions = {
        "halfValues": digest(halves[keep].numpy()),
        "count": len(values),
        "toHalf": digest(floats.half().view(torch.int16).numpy()),
        "toBrainFloat": digest(floats.bfloat16().view(torch.int16).numpy()),
    }
    (OUT / "expected.json").write_text(json.dumps({"tensors": expected, "conversions": conversions}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
