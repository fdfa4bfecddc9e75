"""What every peer shares: options as JSON on the command line, threads, timing, one line of JSON as the result.

A peer is a program of its own; bench/peer.ts starts it and reads the line.
"""
import json
import platform
import statistics
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace


def read_options() -> SimpleNamespace:
    """The options, with torch told how many threads to use."""
    import torch

    options = SimpleNamespace(**json.loads(sys.argv[1]))
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)
    return options


def put_module(name: str, **attributes) -> None:
    """A module in the place of one that a reference implementation imports and this work does not use."""
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(attributes | {"__spec__": ModuleSpec(name, None)})


def median_seconds(call, repeat: dict) -> float:
    """The rule of bench/repeat.ts: `uncounted` calls, then at most `counted` ones, no further once they took `seconds`."""
    for _ in range(repeat["uncounted"]):
        call()
    taken = []
    while len(taken) < repeat["counted"] and sum(taken) < repeat["seconds"]:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def give(figures: dict, work: dict, **versions: str) -> None:
    import torch
    import transformers

    known = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"figures": figures, "work": work, "versions": known | versions}), flush=True)


def give_epoch(trees: int, pairs: int, steps: int, spoken: int, rollout_s: float, update_s: float, **versions: str) -> None:
    """The figures of epochOutcome in bench/ipoEpoch.ts."""
    figures = {
        "secondsPerTree": (rollout_s + update_s) / trees,
        "rolloutPerTree": rollout_s / trees,
        "updatePerTree": update_s / trees,
        "spokenPerSecond": spoken / rollout_s,
        "trainedPerSecond": pairs / update_s,
    }
    give(figures, {"trees": trees, "pairs": pairs, "optimizer steps": steps, "spoken tokens": spoken}, **versions)
