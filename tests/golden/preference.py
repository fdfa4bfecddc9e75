"""Golden values for src/learning/formulas/preference.ts: the losses as TRL's DPOTrainer.dpo_loss writes them
(loss_type "ipo" and "sigmoid"), in float64, with gradients of the mean loss by torch autograd.

    python tests/golden/preference.py > tests/golden/preference/losses.json
"""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
cases = []
for name in ("ipo", "dpo"):
    for beta, scale in ((0.01, 60.0), (0.05, 40.0), (0.2, 5.0), (0.9, 1.0)):
        policy_chosen, policy_rejected, ref_chosen, ref_rejected = (-torch.rand(4, 6, dtype=torch.float64) * scale - 0.1)
        policy_chosen.requires_grad_(True)
        policy_rejected.requires_grad_(True)
        logits = (policy_chosen - policy_rejected) - (ref_chosen - ref_rejected)
        losses = (logits - 1 / (2 * beta)) ** 2 if name == "ipo" else -F.logsigmoid(beta * logits)
        losses.mean().backward()
        cases.append(dict(
            formula=name, beta=beta,
            policyChosen=policy_chosen.tolist(), policyRejected=policy_rejected.tolist(),
            referenceChosen=ref_chosen.tolist(), referenceRejected=ref_rejected.tolist(),
            losses=losses.tolist(), margins=logits.tolist(),
            gradChosen=policy_chosen.grad.tolist(), gradRejected=policy_rejected.grad.tolist()))
print(json.dumps(dict(torch=torch.__version__, cases=cases)))
