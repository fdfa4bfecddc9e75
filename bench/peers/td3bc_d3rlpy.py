"""TD3+BC (or BC) of d3rlpy on the files of a replay buffer of ours; the last line is the return of each seed as JSON.

    python td3bc_d3rlpy.py OPTIONS.json      (written by bench/offlineReturns.ts; d3rlpy 2.8.1)
"""
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import d3rlpy
import numpy
import torch
from d3rlpy.models.encoders import VectorEncoderFactory
from d3rlpy.preprocessing import StandardObservationScaler

options = json.loads(Path(sys.argv[1]).read_text())
task, training, folder = SimpleNamespace(**options["task"]), SimpleNamespace(**options["training"]), Path(options["folder"])

header = json.loads((folder / "buffer.json").read_text())
S, A = header["stateWidth"], header["actionWidth"]
rows = numpy.fromfile(folder / "steps.f32", numpy.float32).reshape(-1, S + A + 2)
states, actions, rewards, kinds = rows[:, :S], rows[:, S : S + A], rows[:, S + A], rows[:, -1]
# An episode that was cut off ends with a row for its last state, which d3rlpy wants as well: it makes no transition of it.
timeouts = kinds == 2
dataset = d3rlpy.dataset.MDPDataset(states, actions, rewards, (kinds == 1).astype(numpy.float32), timeouts.astype(numpy.float32))
taken = states[~timeouts]
scaler = StandardObservationScaler(mean=taken.mean(0), std=taken.std(0), eps=1e-3)
encoder = VectorEncoderFactory(training.hidden)


def learner():
    if training.algorithm == "bc":
        return d3rlpy.algos.BCConfig(
            batch_size=training.batch, learning_rate=training.actorRate, encoder_factory=encoder, observation_scaler=scaler
        ).create(device="cpu:0")
    return d3rlpy.algos.TD3PlusBCConfig(
        batch_size=training.batch, gamma=training.gamma, tau=training.tau, actor_learning_rate=training.actorRate,
        critic_learning_rate=training.criticRate, actor_encoder_factory=encoder, critic_encoder_factory=encoder,
        observation_scaler=scaler, n_critics=2, target_smoothing_sigma=0.2, target_smoothing_clip=0.5, alpha=2.5, update_actor_interval=2,
    ).create(device="cpu:0")


def mean_return(algo) -> float:
    place, velocity = numpy.array(task.starts, numpy.float32).reshape(-1, 2).T
    total = 0.0
    for _ in range(task.length):
        action = algo.predict(numpy.stack([place, velocity], 1)).reshape(-1).clip(-1, 1)
        velocity = velocity + 0.5 * action
        place = place + 0.5 * velocity
        total += float((-(place**2) - task.actionCost * action**2).mean())
    return total


torch.set_num_threads(1)  # as ours
returns = []
for seed in training.seeds:
    d3rlpy.seed(seed)
    algo = learner()
    algo.fit(
        dataset, n_steps=training.steps, n_steps_per_epoch=training.steps, show_progress=False,
        logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
    )
    returns.append(mean_return(algo))
print(json.dumps(returns))
