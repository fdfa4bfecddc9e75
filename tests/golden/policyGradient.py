"""Golden values for src/learning/formulas/{policyGradient,advantages,klControl}.ts, in float64, with gradients by torch autograd.

    python tests/golden/policyGradient.py ppo  > tests/golden/policyGradient/ppo.json    (trl 0.11.4, --no-deps, with tyro, docstring-parser, shtab, typeguard)
    python tests/golden/policyGradient.py model                                          (trl 0.11.4)
    python tests/golden/policyGradient.py rloo > tests/golden/policyGradient/rloo.json   (trl 1.16.0)

`ppo` calls TRL's own PPOTrainer.compute_rewards, compute_advantages and loss, and its AdaptiveKLController, on padded arrays; sequences are
written without padding. Where rewards are whitened the padding is on the left alone: trl 0.11.4 whitens it too, and what stands on the
right then leaks into the advantages. The case "afterEnd" is written from the equations of trl 1.12.0, whose trainer has them inside its loop: the
score comes one position after the last token, except in a row that is as long as the array. `rloo` calls TRL's own
RLOOTrainer._compute_loss; its advantages, which are inside a longer function, are written from the equations. `model` writes
policyGradient/{model.json,gradients.safetensors}: PPOTrainer.loss of completions of trlTrainers/model under a linear value head, and the
gradient of every parameter, float32.
"""
import json
import sys
from types import SimpleNamespace

import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def ragged(rows: torch.Tensor, mask: torch.Tensor) -> list[list[float]]:
    return [row[keep.bool()].tolist() for row, keep in zip(rows.detach(), mask)]


def ppo() -> dict:
    from trl.core import masked_whiten
    from trl.trainer.ppo_trainer import AdaptiveKLController, PPOTrainer

    both_sides = torch.tensor([[0, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0], [0, 1, 0, 0, 0, 0]])
    left = torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]])
    shape, scores = left.shape, torch.tensor([1.5, -0.5, 0.3, 2.0])
    draw = lambda scale: scale * torch.randn(shape)
    cases = []

    def losses(case: dict, me, old, values, advantages, returns, policy_mask, value_mask) -> dict:
        new = (old + draw(0.25)).requires_grad_()
        now = (values + draw(0.4)).requires_grad_()
        # The two losses have masks of their own in trl 1.12.0.
        policy, _, stats = PPOTrainer.loss(me, old, values, torch.randn(*shape, 7), now, new, policy_mask, advantages, returns)
        _, value, value_stats = PPOTrainer.loss(me, old, values, torch.randn(*shape, 7), now, new, value_mask, advantages, returns)
        (policy + value).backward()
        return dict(case, newLogProbs=ragged(new, policy_mask), newValues=ragged(now, value_mask), policyLoss=policy.item(),
                    valueLoss=value.item() / me.config.vf_coef, valueCoefficient=me.config.vf_coef,
                    clipFraction=stats["policy/clipfrac"].item(), valueClipFraction=value_stats["val/clipfrac"].item(),
                    approximateKl=stats["policy/approxkl"].item(), ratio=(new - old).exp()[policy_mask.bool()].mean().item(),
                    policyGradients=ragged(new.grad, policy_mask), valueGradients=ragged(now.grad, value_mask))

    for penalty, whiten, gamma in (("kl", False, 1.0), ("abs", False, 1.0), ("mse", False, 0.9), ("kl", True, 1.0)):
        mask = left if whiten else both_sides
        config = SimpleNamespace(kl_penalty=penalty, whiten_rewards=whiten, gamma=gamma, lam=0.95, cliprange=0.2, cliprange_value=0.2,
                                 vf_coef=0.1, ratio_threshold=10.0)
        me = SimpleNamespace(config=config, kl_ctl=AdaptiveKLController(0.2, 6.0, 10000))
        me._kl_penalty = lambda a, b: PPOTrainer._kl_penalty(me, a, b)
        old = -torch.rand(shape) * 3
        reference, values = old + draw(0.3), draw(1.0)
        rewards, _, kl = PPOTrainer.compute_rewards(me, scores, old, reference, mask)
        values, advantages, returns = PPOTrainer.compute_advantages(me, values, rewards, mask)
        case = dict(placement="atLast", estimator={"kl": "k1", "abs": "abs", "mse": "k2"}[penalty], whitenRewards=whiten, gamma=gamma,
                    scores=scores.tolist(), coefficient=0.2, logProbs=ragged(old, mask), reference=ragged(reference, mask),
                    values=ragged(values, mask), kl=ragged(kl, mask), rewards=ragged(rewards, mask), advantages=ragged(advantages, mask),
                    returns=ragged(returns, mask))
        cases.append(losses(case, me, old, values, advantages, returns, mask, mask))

    # trl 1.12.0, ppo_trainer.py, steps 4 to 6. Rows begin at the first column.
    mask = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0]])
    lengths = mask.sum(1)
    longer = (torch.arange(6) <= lengths[:, None]).long()
    for estimator, whiten in (("k1", False), ("k3", False), ("k1", True)):
        config = SimpleNamespace(cliprange=0.2, cliprange_value=0.2, vf_coef=0.1, ratio_threshold=10.0)
        old = torch.where(mask.bool(), -torch.rand(shape) * 3, 1.0)
        reference = torch.where(mask.bool(), old + draw(0.3), 1.0)
        values = draw(1.0) * longer
        log_r = reference - old
        kl = -log_r if estimator == "k1" else (log_r.exp() - 1) - log_r
        rewards = -0.05 * kl
        rewards[torch.arange(4), torch.where(lengths < 6, lengths, lengths - 1)] += scores
        shown = ragged(rewards, longer)
        if whiten:
            rewards = masked_whiten(rewards, longer, shift_mean=False) * longer
        last, backwards = 0, []
        for t in reversed(range(6)):
            last = rewards[:, t] + (values[:, t + 1] if t < 5 else 0.0) - values[:, t] + 0.95 * last
            backwards.append(last)
        advantages = torch.stack(backwards[::-1], axis=1)
        returns = advantages + values
        advantages = masked_whiten(advantages, mask) * mask
        case = dict(placement="afterEnd", estimator=estimator, whitenRewards=whiten, gamma=1.0, scores=scores.tolist(), coefficient=0.05,
                    logProbs=ragged(old, mask), reference=ragged(reference, mask), values=ragged(values, longer), kl=ragged(kl, mask),
                    rewards=shown, advantages=ragged(advantages, mask), returns=ragged(returns, longer))
        cases.append(losses(case, SimpleNamespace(config=config), old, values, advantages, returns, mask, longer))

    controller = AdaptiveKLController(0.2, 6.0, 10000)
    steps = []
    for kl, n in ((7.0, 128), (0.0, 128), (6.3, 256), (60.0, 512), (5.9, 128)):
        controller.update(kl, n)
        steps.append(dict(kl=kl, sequences=n, coefficient=float(controller.value)))
    return dict(torch=torch.__version__, cases=cases, control=dict(initial=0.2, target=6.0, horizon=10000, steps=steps))


def rloo() -> dict:
    from collections import defaultdict

    from trl import RLOOTrainer

    nan = float("nan")
    rewards = torch.tensor([[1.0, 0.2, -0.4], [0.5, nan, 1.5], [nan, nan, 3.0], [0.7, 0.7, 0.7]])
    counts = (~torch.isnan(rewards)).sum(1, keepdim=True)
    advantages = rewards - (torch.nansum(rewards, 1, keepdim=True) - rewards) / (counts - 1)
    advantages = torch.where(torch.isnan(advantages) | (counts < 2), 0.0, advantages)
    known = rewards - (torch.nansum(rewards, 1, keepdim=True) - rewards) / (counts - 1)
    known = known.where(torch.isfinite(known), torch.tensor(nan))
    spread = (known - torch.nanmean(known)) / (known[~torch.isnan(known)].std() + 1e-4)
    normalised = torch.nan_to_num(spread, nan=0.0)

    flat, mask = advantages.flatten(), torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]] * 4)
    old = -torch.rand(mask.shape) * 3
    new = (old + 0.2 * torch.randn(mask.shape)).requires_grad_()
    metrics = defaultdict(list)
    same = SimpleNamespace(gather=lambda x: x, gather_for_metrics=lambda x: x, reduce=lambda x, reduction: x)
    me = SimpleNamespace(_get_per_token_logps_and_entropies=lambda *_, **__: (new, torch.zeros(mask.shape), None), aux_loss_enabled=False,
                         epsilon_low=0.2, epsilon_high=0.2, model=SimpleNamespace(training=True), accelerator=same,
                         _metrics={"train": metrics})
    ids = torch.zeros(mask.shape, dtype=torch.long)
    inputs = dict(prompt_ids=ids, prompt_mask=mask, completion_ids=ids, completion_mask=mask, old_logps=(old * mask).sum(1), advantages=flat)
    loss = RLOOTrainer._compute_loss(me, None, inputs)
    loss.backward()
    return dict(torch=torch.__version__, rewards=[[None if r != r else r for r in row] for row in rewards.tolist()],
                advantages=advantages.tolist(), normalised=normalised.tolist(), oldLogProbs=ragged(old, mask), newLogProbs=ragged(new, mask),
                loss=loss.item(), clipFraction=metrics["clip_ratio/region_mean"][0], gradients=ragged(new.grad, mask))


def model() -> None:
    import pathlib

    from safetensors.torch import save_file
    from transformers import LlamaForCausalLM
    from trl.trainer.ppo_trainer import PPOTrainer

    here = pathlib.Path(__file__).parent
    torch.set_default_dtype(torch.float32)
    policy = LlamaForCausalLM.from_pretrained(here / "trlTrainers" / "model", attn_implementation="eager").eval()
    head = torch.nn.Linear(policy.config.hidden_size, 1)
    config = SimpleNamespace(cliprange=0.2, cliprange_value=0.2, vf_coef=0.1, ratio_threshold=10.0)
    lengths = ((5, 3), (9, 6), (3, 1), (6, 4))
    samples, rows = [], []
    for prefix, completion in lengths:
        ids = torch.randint(3, 64, (prefix + completion,))
        out = policy(ids[None], output_hidden_states=True)
        at = slice(prefix - 1, prefix + completion - 1)
        new = out.logits[0].log_softmax(-1)[at].gather(1, ids[prefix:, None])[:, 0]
        now = head(out.hidden_states[-1][0, at])[:, 0]
        fixed = dict(oldLogProbs=new.detach() + 0.2 * torch.randn(completion), advantages=torch.randn(completion),
                     oldValues=now.detach() + 0.3 * torch.randn(completion), returns=torch.randn(completion))
        rows.append(dict(fixed, new=new, now=now))
        samples.append(dict(prefix=ids[:prefix].tolist(), completion=ids[prefix:].tolist(), logProbs=new.tolist(), values=now.tolist(),
                            **{name: value.tolist() for name, value in fixed.items()}))
    flat = {name: torch.cat([row[name] for row in rows])[None] for name in rows[0]}
    ones = torch.ones_like(flat["new"])
    policy_loss, value_loss, _ = PPOTrainer.loss(SimpleNamespace(config=config), flat["oldLogProbs"], flat["oldValues"], torch.randn(1, ones.numel(), 7),
                                                 flat["now"], flat["new"], ones, flat["advantages"], flat["returns"])
    (policy_loss + value_loss).backward()
    gradients = {name: parameter.grad for name, parameter in policy.named_parameters()}
    gradients.update({f"value_head.{name}": parameter.grad for name, parameter in head.named_parameters()})
    weights = {f"value_head.{name}": parameter.flatten().tolist() for name, parameter in head.named_parameters()}
    (here / "policyGradient" / "model.json").write_text(json.dumps(dict(
        torch=torch.__version__, head=weights, samples=samples, policyLoss=policy_loss.item(), valueLoss=value_loss.item())) + "\n")
    save_file(gradients, here / "policyGradient" / "gradients.safetensors")


if sys.argv[1] == "model":
    model()
else:
    print(json.dumps(ppo() if sys.argv[1] == "ppo" else rloo()))
