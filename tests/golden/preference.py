"""Golden values for src/learning/formulas/preference.ts, in float64, with gradients of the mean loss by torch autograd: IPO and DPO as
TRL's DPOTrainer writes them (loss_type "ipo" and "sigmoid"; sums in place of its averages for "ipo"), the three forms of ADPO
(arXiv 2405.12900) as their formulas read, and contrastive trajectory balance (arXiv 2605.00553) from log R = log pi_ref + c / beta.

    python tests/golden/preference.py > tests/golden/preference/losses.json
"""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
COUNT = 6
NAMES = ("policyChosen", "policyRejected", "referenceChosen", "referenceRejected", "policyToxic", "referenceToxic")


def losses_of(objective: dict, d_w, d_l, d_t) -> torch.Tensor:
    beta = objective["beta"]
    if objective["loss"] == "ipo":
        return ((d_w - d_l) - 1 / (2 * beta)) ** 2
    if objective["loss"] == "dpo":
        return -F.logsigmoid(beta * (d_w - d_l))
    gamma, lam = objective["gamma"], objective["lambda"]
    if objective["form"] == "joint":
        return -F.logsigmoid(beta * (d_w - d_l) - gamma * d_t)
    if objective["form"] == "paired":
        return -F.logsigmoid(beta * (d_w - d_l) + gamma * (d_w - d_t))
    return -F.logsigmoid(beta * (d_w - d_l)) - lam * F.logsigmoid(gamma * (d_w - d_t))


def case(objective: dict, scale: float) -> dict:
    toxic = objective["loss"] == "adpo"
    values = dict(zip(NAMES, -torch.rand(6 if toxic else 4, COUNT, dtype=torch.float64) * scale - 0.1))
    for name, value in values.items():
        value.requires_grad_(name.startswith("policy"))
    delta = lambda which: values[f"policy{which}"] - values[f"reference{which}"]
    d_w, d_l = delta("Chosen"), delta("Rejected")
    losses = losses_of(objective, d_w, d_l, delta("Toxic") if toxic else None)
    losses.mean().backward()
    return dict(objective=objective, logProbs={name: value.tolist() for name, value in values.items()}, losses=losses.tolist(),
                margins=(d_w - d_l).tolist(),
                gradients={name: value.grad.tolist() for name, value in values.items() if name.startswith("policy")})


cases = []
for loss in ("ipo", "dpo"):
    for beta, scale in ((0.01, 60.0), (0.05, 40.0), (0.2, 5.0), (0.9, 1.0)):
        cases.append(case(dict(loss=loss, beta=beta), scale))
for form in ("joint", "paired", "separate"):
    for beta, gamma, lam, scale in ((0.3, 0.2, 1.0, 40.0), (0.05, 0.5, 0.3, 60.0), (0.9, 0.01, 2.0, 5.0)):
        cases.append(case({"loss": "adpo", "form": form, "beta": beta, "gamma": gamma, "lambda": lam}, scale))


def balance_case(beta: float, scale: float) -> dict:
    values = dict(zip(NAMES, -torch.rand(4, COUNT, dtype=torch.float64) * scale - 0.1))
    scores = torch.rand(2, COUNT, dtype=torch.float64)
    for name, value in values.items():
        value.requires_grad_(name.startswith("policy"))
    log_r = [values["referenceChosen"] + scores[0] / beta, values["referenceRejected"] + scores[1] / beta]
    losses = ((values["policyChosen"] - values["policyRejected"]) - (log_r[0] - log_r[1])) ** 2
    losses.mean().backward()
    margins = (values["policyChosen"] - values["referenceChosen"]) - (values["policyRejected"] - values["referenceRejected"])
    return dict(objective=dict(loss="ctb", beta=beta),
                logProbs=dict({name: value.tolist() for name, value in values.items()}, soughtMargin=((scores[0] - scores[1]) / beta).tolist()),
                losses=losses.tolist(), margins=margins.tolist(),
                gradients={name: value.grad.tolist() for name, value in values.items() if name.startswith("policy")})


for beta, scale in ((0.05, 40.0), (0.3, 20.0), (1.0, 5.0)):
    cases.append(balance_case(beta, scale))
print(json.dumps(dict(torch=torch.__version__, cases=cases)))
