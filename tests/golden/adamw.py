"""Golden values for the AdamW kernel (src/engine/runtime/adamwStep.ts): torch.optim.AdamW after clip_grad_norm_, over several steps,
with decay on the matrix only. Steps differ in gradient size, so that clipping acts on some of them, and in learning rate.

    python tests/golden/adamw.py > tests/golden/adamw/steps.json
"""
import json

import torch

torch.manual_seed(0)
SHAPES = {"matrix": (9, 7), "bias": (7,)}


def run(max_norm, weight_decay, betas, eps):
    parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in SHAPES.items()}
    initial = {name: p.detach().flatten().tolist() for name, p in parameters.items()}
    optimizer = torch.optim.AdamW(
        [{"params": [parameters["matrix"]], "weight_decay": weight_decay}, {"params": [parameters["bias"]], "weight_decay": 0.0}],
        lr=1.0, betas=betas, eps=eps, foreach=False)
    steps = []
    for index, size in enumerate([1.0, 0.05, 4.0, 1e-4, 0.3, 30.0]):
        learning_rate, scale = 0.01 * (index + 1), [1.0, 0.25][index % 2]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        gradients = {name: torch.randn(shape) * size for name, shape in SHAPES.items()}
        for name, p in parameters.items():
            p.grad = gradients[name] * scale
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), max_norm if max_norm is not None else 1e30)
        optimizer.step()
        steps.append(dict(
            learningRate=learning_rate, gradientScale=scale, gradientNorm=norm.item(),
            gradients={name: g.flatten().tolist() for name, g in gradients.items()},
            parameters={name: p.detach().flatten().tolist() for name, p in parameters.items()}))
    state = {name: optimizer.state[p] for name, p in parameters.items()}
    return dict(
        maxGradientNorm=max_norm, weightDecay=weight_decay, beta1=betas[0], beta2=betas[1], epsilon=eps, initial=initial, steps=steps,
        firstMoment={name: s["exp_avg"].flatten().tolist() for name, s in state.items()},
        secondMoment={name: s["exp_avg_sq"].flatten().tolist() for name, s in state.items()})


cases = [run(1.0, 0.1, (0.9, 0.999), 1e-8), run(None, 0.0, (0.9, 0.95), 1e-6), run(5.0, 0.5, (0.8, 0.99), 1e-5)]
print(json.dumps(dict(torch=torch.__version__, shapes=SHAPES, cases=cases)))
