"""Golden values for offline reinforcement learning (src/learning/offline) and for Polyak averages (src/engine/runtime/averageStore.ts).

An own implementation of the published update of TD3+BC (Fujimoto & Gu, arXiv 2106.06860; CORL's td3_bc.py), in float64, with given
noise. The cases that CORL does not have (actions on a sphere, Q alone, one step, one critic) change the lines that are marked.

    python tests/golden/td3bc.py tests/golden/td3bc
"""
import copy
import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import mse_loss

torch.set_default_dtype(torch.float64)


def network(widths, activation):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    net = nn.Sequential(*layers[:-1])
    for p in net.parameters():  # what both sides can hold
        p.data = p.data.float().double()
    return net


def values(net, name):
    """By the names of src/engine/nn/mlp.ts: layers are counted, activations are not."""
    return {f"{name}.{int(key.split('.')[0]) // 2}.{key.split('.')[1]}": p.detach().flatten().tolist() for key, p in net.named_parameters()}


def run(title, space, size, objective="td3bc", bootstrap=True, twin=True, activation=nn.ReLU, hidden=(16, 12), steps=6, S=5, A=3, B=8,
        alpha=2.5, gamma=0.99, tau=0.005, policy_noise=0.2, noise_clip=0.5, delay=2, actor_rate=3e-4, critic_rate=3e-4):
    body = network((S, *hidden, A), activation)

    def act(net, s):
        x = net(s)
        return size * torch.tanh(x) if space == "box" else size * x / x.norm(dim=-1, keepdim=True)  # sphere: ours

    def project(a):
        return a.clamp(-size, size) if space == "box" else size * a / a.norm(dim=-1, keepdim=True)  # sphere: ours

    unit = size if space == "box" else size / A ** 0.5  # sphere: ours
    critics = [network((S + A, *hidden, 1), activation) for _ in range(2 if twin else 1)]
    body_target, critics_target = copy.deepcopy(body), copy.deepcopy(critics)
    q = lambda net, s, a: net(torch.cat([s, a], 1)).squeeze(1)
    actor_optimizer = torch.optim.Adam(body.parameters(), lr=actor_rate)
    critic_optimizers = [torch.optim.Adam(c.parameters(), lr=critic_rate) for c in critics]
    weights = lambda: values(body, "actor") | {k: v for i, c in enumerate(critics) for k, v in values(c, f"critic{i + 1}").items()}
    targets = lambda: values(body_target, "actor") | {k: v for i, c in enumerate(critics_target) for k, v in values(c, f"critic{i + 1}").items()}
    draw = lambda *shape: torch.randn(*shape).float().double()
    mean, scale = draw(S), (draw(S).abs() + 0.5).float().double()
    initial, out = weights(), []
    for t in range(1, steps + 1):
        raw, raw_next, a = draw(B, S), draw(B, S), project(draw(B, A)).float().double()
        r, done, eps = draw(B), (torch.rand(B) < 0.3).double(), draw(B, A)
        s, s_next = (raw - mean) / scale, (raw_next - mean) / scale
        with torch.no_grad():
            noise = (eps * policy_noise * unit).clamp(-noise_clip * unit, noise_clip * unit)
            a_next = project(act(body_target, s_next) + noise)
            q_next = torch.stack([q(c, s_next, a_next) for c in critics_target]).min(0).values
            y = r + (1 - done) * gamma * q_next if bootstrap else r  # one step: ours
        critic_loss = sum(mse_loss(q(c, s, a), y) for c in critics)
        for o in critic_optimizers:
            o.zero_grad()
        critic_loss.backward()
        for o in critic_optimizers:
            o.step()
        actor_loss = None
        if t % delay == 0:
            pi = act(body, s)
            q_pi = q(critics[0], s, pi)
            if objective == "q":  # ours: the released code of Dialogue Action Tokens at its "alpha = 0"
                loss = -q_pi.mean()
            else:
                loss = -alpha / q_pi.abs().mean().detach() * q_pi.mean() + mse_loss(pi, a)
            actor_optimizer.zero_grad()
            loss.backward()
            actor_optimizer.step()
            actor_loss = loss.item()
            for online, target in zip([body, *critics], [body_target, *critics_target]):
                for p, p_target in zip(online.parameters(), target.parameters()):
                    p_target.data.copy_(tau * p.data + (1 - tau) * p_target.data)
        out.append(dict(
            states=raw.flatten().tolist(), actions=a.flatten().tolist(), rewards=r.tolist(), nextStates=raw_next.flatten().tolist(),
            alive=(1 - done).tolist(), noise=eps.flatten().tolist(), criticLoss=critic_loss.item(), actorLoss=actor_loss))
    return dict(
        title=title, space=dict(kind="box", max=size) if space == "box" else dict(kind="sphere", radius=size), objective=objective,
        bootstrap=bootstrap, twin=twin, activation={nn.ReLU: "relu", nn.SiLU: "silu"}[activation], hidden=hidden, stateWidth=S, actionWidth=A,
        batch=B, alpha=alpha, gamma=gamma, tau=tau, policyNoise=policy_noise, noiseClip=noise_clip, delay=delay, actorRate=actor_rate,
        criticRate=critic_rate, mean=mean.tolist(), scale=scale.tolist(), initial=initial, steps=out, weights=weights(), targets=targets())


def averages():
    torch.manual_seed(1)
    shapes = {"matrix": (9, 7), "bias": (7,), "one": (1,)}
    online = {name: torch.randn(shape, dtype=torch.float32) for name, shape in shapes.items()}
    target = {name: torch.randn(shape, dtype=torch.float32) for name, shape in shapes.items()}
    flat = lambda named: {name: t.flatten().tolist() for name, t in named.items()}
    first, steps = flat(target), []
    for share in [0.005, 0.5, 0.005, 0.0, 0.1, 1.0]:
        target = {name: share * online[name] + (1 - share) * target[name] for name in shapes}
        steps.append(dict(share=share, target=flat(target)))
    return dict(torch=torch.__version__, shapes=shapes, online=flat(online), target=first, steps=steps)


torch.manual_seed(0)
cases = [
    run("as CORL, actions in a box", "box", 1.0),
    run("a wider box, every option another", "box", 2.5, steps=7, alpha=1.0, gamma=0.9, tau=0.1, policy_noise=0.4, noise_clip=0.3, delay=3,
        actor_rate=3e-3, critic_rate=1e-2),
    run("on a sphere, Q alone, SiLU", "sphere", 0.6, objective="q", activation=nn.SiLU),
    run("on a sphere with BC", "sphere", 1.0),
    run("one step, one critic", "box", 1.0, bootstrap=False, twin=False),
]
folder = Path(sys.argv[1])
(folder / "averages.json").write_text(json.dumps(averages()) + "\n")
(folder / "updates.json").write_text(json.dumps(dict(torch=torch.__version__, cases=cases)) + "\n")
