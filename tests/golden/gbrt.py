"""Golden values of Gradient-Based Red Teaming (arXiv 2401.16656) in plain PyTorch: losses and the gradient in the prompt's logits for given
Gumbel noise, on the small random models of models.py.

    python tests/golden/gbrt.py        (versions: requirements.txt)

Writes gbrt/golden.json: CASE → settings, noise and ids as they are fed, "attack", "improbability" (nats per token) and "gradient" [S, V] of
attack + weight · improbability.  Cases of "text" have two phrasings; those of "judged" decode K soft tokens with transformers' inputs_embeds
and are read by the classifier, alone or behind the prompt.  X, noise and prompts are by the formula of models.py.
"""
import json
import pathlib

import torch

import families
import models

OUT = pathlib.Path(__file__).parent / "gbrt"
V, D, S, K, OPEN = 64, 2, 3, 3, 60
BEFORE, AFTER, TEXTS = [5, 9, 2, 31], [7, 8], [[11, 3, 40], [21, 22]]


def values(name: str, *shape: int) -> torch.Tensor:
    count = 1
    for size in shape:
        count *= size
    return torch.from_numpy(models.uniform(name, count)).view(*shape) * 8


def soft_prompt(logits: torch.Tensor, noise: torch.Tensor, temperature: float, hard: bool) -> torch.Tensor:
    """Gumbel-softmax as the released code has it: what is not allowed is taken out afterwards."""
    relaxed = ((logits + noise) / temperature).softmax(-1)
    mask = (torch.arange(V) < OPEN).float()
    relaxed = relaxed * mask / (relaxed * mask).sum(-1, keepdim=True)
    if not hard:
        return relaxed
    likeliest = torch.nn.functional.one_hot(relaxed.argmax(-1), V).float()
    return likeliest + relaxed - relaxed.detach()


def embed(model, chosen: torch.Tensor) -> torch.Tensor:
    return chosen @ model.get_input_embeddings().weight


def known(model, ids: list[int]) -> torch.Tensor:
    return model.get_input_embeddings()(torch.tensor(ids))


def improbability(logits: torch.Tensor, outputs: list[torch.Tensor]) -> torch.Tensor:
    mask = (torch.arange(V) < OPEN).float()
    p = logits.softmax(-1) * mask
    p = p / p.sum(-1, keepdim=True)
    at = len(BEFORE) - 1
    return torch.stack([-(p * out[at:at + S].log_softmax(-1)).sum(-1).mean() for out in outputs]).mean()


def case(name: str, model, settings: dict, judge=None) -> dict:
    logits = values(f"logits of {name}", S, V).requires_grad_()
    noise = values(f"noise of {name}", D, S, V)
    reply_noise = values(f"reply noise of {name}", K, D, V)
    chosen = soft_prompt(logits, noise, settings["temperature"], settings["hard"])
    attack, first = torch.zeros(()), []
    for d in range(D):
        context = torch.cat([known(model, BEFORE), embed(model, chosen[d]), known(model, AFTER)])
        if judge is None:
            for i, text in enumerate(TEXTS):
                out = model(inputs_embeds=torch.cat([context, known(model, text)])[None]).logits[0]
                scored = out[len(context) - 1:-1].log_softmax(-1).gather(-1, torch.tensor(text)[:, None])[:, 0]
                attack = attack - scored.mean() / (D * len(TEXTS))
                if i == 0:
                    first.append(out)
            continue
        replies = []
        for k in range(K):
            out = model(inputs_embeds=context[None]).logits[0]
            if k == 0:
                first.append(out)
            replies.append(((out[-1] + reply_noise[k, d]) / settings["replyTemperature"]).softmax(-1))
            context = torch.cat([context, embed(model, replies[-1])[None]])
        read = torch.stack(replies) if settings["reads"] == "reply" else torch.cat([chosen[d], torch.stack(replies)])
        # The pooled token is the last; transformers looks for it by ids, which soft tokens have not.
        hidden = judge.model(inputs_embeds=embed(judge, read)[None]).last_hidden_state[0, -1]
        attack = attack - judge.score(hidden).softmax(-1)[settings["labels"]].sum() / D
    unlikely = improbability(logits, first)
    (attack + settings["weight"] * unlikely).backward()
    return {**settings, "attack": attack.item(), "improbability": unlikely.item(), "gradient": families.digits(logits.grad.flatten().tolist())}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name in ["gpt2", "llama-tied", "llama-classifier"]:
        models.VARIANTS[name].eval()
        models.fill(models.VARIANTS[name])
    llama, judge = models.VARIANTS["llama-tied"], models.VARIANTS["llama-classifier"]
    soft = dict(temperature=0.7, hard=False, weight=0.3)
    judged = dict(model="llama-tied", judge="llama-classifier", replyTemperature=0.9, labels=[1, 2], **soft)
    cases = {
        "text gpt2": case("text gpt2", models.VARIANTS["gpt2"], dict(model="gpt2", **soft)),
        "text hard": case("text hard", llama, dict(model="llama-tied", **{**soft, "hard": True})),
        "judged reply": case("judged reply", llama, dict(reads="reply", **judged), judge),
        "judged exchange": case("judged exchange", llama, dict(reads="exchange", **judged), judge),
    }
    sizes = dict(draws=D, tokens=S, replyTokens=K, open=OPEN, before=BEFORE, after=AFTER, texts=TEXTS)
    (OUT / "golden.json").write_text(json.dumps({"sizes": sizes, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
