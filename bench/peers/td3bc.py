"""TD3+BC with PyTorch: CORL's update (networks, losses, optimizers, averages as in its td3_bc.py), float32, batches from arrays in memory.

Adam is PyTorch's default for the CPU, as CORL has it.
"""
import copy

import torch
from torch import nn
from torch.nn.functional import mse_loss

from peer import give, median_seconds, read_options

options = read_options()
S, A, B = options.stateWidth, options.actionWidth, options.batch
N = options.episodes * options.stepsPerEpisode
states, next_states, actions = torch.randn(N, S), torch.randn(N, S), torch.randn(N, A).tanh()
rewards, dones = torch.rand(N, 1), torch.zeros(N, 1)
dones[options.stepsPerEpisode - 1 :: options.stepsPerEpisode] = 1


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(S, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, A), nn.Tanh())

    def forward(self, state):
        return self.net(state)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(S + A, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1))

    def forward(self, state, action):
        return self.net(torch.cat([state, action], 1))


actor, critic_1, critic_2 = Actor(), Critic(), Critic()
actor_target, critic_1_target, critic_2_target = (copy.deepcopy(net) for net in (actor, critic_1, critic_2))
actor_optimizer, critic_1_optimizer, critic_2_optimizer = (torch.optim.Adam(net.parameters(), lr=3e-4) for net in (actor, critic_1, critic_2))
done_steps = 0


def soft_update(target, source):
    for target_param, source_param in zip(target.parameters(), source.parameters()):
        target_param.data.copy_(0.995 * target_param.data + 0.005 * source_param.data)


def step() -> None:
    global done_steps
    done_steps += 1
    indices = torch.randint(0, N, (B,))
    state, action, reward, next_state, done = (each[indices] for each in (states, actions, rewards, next_states, dones))
    with torch.no_grad():
        noise = (torch.randn_like(action) * 0.2).clamp(-0.5, 0.5)
        next_action = (actor_target(next_state) + noise).clamp(-1, 1)
        target_q = torch.min(critic_1_target(next_state, next_action), critic_2_target(next_state, next_action))
        target_q = reward + (1 - done) * 0.99 * target_q
    critic_loss = mse_loss(critic_1(state, action), target_q) + mse_loss(critic_2(state, action), target_q)
    critic_1_optimizer.zero_grad()
    critic_2_optimizer.zero_grad()
    critic_loss.backward()
    critic_1_optimizer.step()
    critic_2_optimizer.step()
    critic_loss.item()  # logged
    if done_steps % 2 == 0:
        pi = actor(state)
        q = critic_1(state, pi)
        actor_loss = -2.5 / q.abs().mean().detach() * q.mean() + mse_loss(pi, action)
        actor_loss.item()  # logged
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()
        soft_update(critic_1_target, critic_1)
        soft_update(critic_2_target, critic_2)
        soft_update(actor_target, actor)


def call() -> None:
    for _ in range(options.steps):
        step()


give({"steps": options.steps / median_seconds(call, options.repeat)}, {"transitions": N, "batch": B})
