"""One epoch of online IPO, as one would write it in plain PyTorch when it has to be quick.

All nodes of a depth are one batch; a context is read once for its candidates; rollouts run on a decoder with a cache that is allocated
once, without gradients; the target's log-probabilities of an utterance come from the pass that reads it in order to answer, and serve as
the reference; y+ and y- share one row; logits are computed where they are used. Pairs are trained in the order of their depth, so that
rows of a batch are about equally long. With dtype bfloat16, rollouts run in it and training under autocast.
"""
import json
import time

import torch
from profanity_check import predict_prob
from transformers import AutoModelForCausalLM, AutoTokenizer

from llama_decoder import LlamaDecoder, Rows, pad_left
from peer import give_epoch, read_options

rows_at_once = 64


def draw(logits: torch.Tensor, seen: torch.Tensor, sampler: dict, never: list[int]) -> torch.Tensor:
    """One token a row, [B]. Order as in transformers: penalty, temperature, top-k, top-p."""
    logits[:, never] = float("-inf")
    if sampler["repetitionPenalty"] != 1:
        old = logits.gather(1, seen)
        logits.scatter_(1, seen, torch.where(old > 0, old / sampler["repetitionPenalty"], old * sampler["repetitionPenalty"]))
    best, ids = logits.topk(sampler["topK"])
    shares = (best / sampler["temperature"]).softmax(-1)
    shares[shares.cumsum(-1) - shares >= sampler["topP"]] = 0
    return ids.gather(1, torch.multinomial(shares, 1))[:, 0]


@torch.inference_mode()
def speak(model: LlamaDecoder, contexts: Rows, fan: int, new: int, sampler: dict, never: list[int], said: torch.Tensor | None = None):
    """`fan` continuations of every context [B·fan, new]; `said` [B·fan, new] comes between, and its log-probabilities [B·fan] with it."""
    tokens, sums = [], []
    for first in range(0, len(contexts), rows_at_once // fan):
        part = contexts[first:first + rows_at_once // fan]
        ids, there, positions = pad_left(part)
        length = ids.shape[1]
        once = model.new_cache(len(part), length)
        hidden = model.read(ids, positions, once, 0, there)[:, -1:]
        cache = model.new_cache(len(part) * fan, length + new + (0 if said is None else new))
        cache[:, :, :, :, :length] = once.repeat_interleave(fan, 2)
        ids, there, position, hidden = (each.repeat_interleave(fan, 0) for each in (ids, there, positions[:, -1:], hidden))
        more = torch.ones(len(ids), new, dtype=torch.bool)
        if said is not None:
            given = said[first * fan:first * fan + len(ids)]
            there = torch.cat([there, more], 1)
            states = model.read(given, position + 1 + torch.arange(new), cache, length, there)
            before = torch.cat([hidden, states[:, :-1]], 1)
            sums.append(torch.cat([
                model.logits(part_of).log_softmax(-1).gather(2, its[..., None])[..., 0].sum(1)
                for part_of, its in zip(before.split(16), given.split(16))
            ]))
            ids, position, hidden, length = torch.cat([ids, given], 1), position + new, states[:, -1:], length + new
        for _ in range(new - 1):
            token = draw(model.logits(hidden[:, 0]), ids, sampler, never)[:, None]
            ids, there, position = torch.cat([ids, token], 1), torch.cat([there, more[:, :1]], 1), position + 1
            hidden = model.read(token, position, cache, length, there)
            length += 1
        ids = torch.cat([ids, draw(model.logits(hidden[:, 0]), ids, sampler, never)[:, None]], 1)
        tokens.append(ids[:, -new:])
    return torch.cat(tokens), torch.cat(sums) if sums else None


def margins(model, batch: list[dict], new: int) -> torch.Tensor:
    """log p(y+) - log p(y-), nats, [B]. A row is context, y+, y-; y- does not see y+."""
    ids, there, positions = pad_left([pair["context"] for pair in batch])
    length = ids.shape[1]
    both = torch.stack([torch.stack([pair["chosen"], pair["rejected"]]) for pair in batch])
    after = positions[:, -1:] + 1 + torch.arange(new)
    sees = torch.ones(length + 2 * new, length + 2 * new, dtype=torch.bool).tril()
    sees[length + new:, length:length + new] = False
    there = torch.cat([there, torch.ones(len(batch), 2 * new, dtype=torch.bool)], 1)
    mask = ((there[:, None, :] & sees) | torch.eye(length + 2 * new, dtype=torch.bool))[:, None]
    hidden = model.model(
        input_ids=torch.cat([ids, both.flatten(1)], 1), position_ids=torch.cat([positions, after, after], 1), attention_mask=mask, use_cache=False,
    ).last_hidden_state
    prompt_end = hidden[:, length - 1:length]
    predicting = torch.stack([torch.cat([prompt_end, hidden[:, at:at + new - 1]], 1) for at in (length, length + new)], 1)
    log_probs = model.lm_head(predicting).float().log_softmax(-1).gather(3, both[..., None])[..., 0].sum(-1)
    return log_probs[:, 0] - log_probs[:, 1]


def seconds_of(matrix: torch.Tensor) -> float:
    x = torch.randn(64, matrix.shape[1]).to(matrix.dtype)
    for _ in range(3):
        x @ matrix.T
    start = time.perf_counter()
    for _ in range(20):
        x @ matrix.T
    return time.perf_counter() - start


def dtype_for(options, weight: torch.Tensor) -> torch.dtype:
    """As asked for; 'bfloat16' only where the processor multiplies it faster than float32, since there it would be no stronger peer."""
    weight = weight.detach()
    if options.dtype == "bfloat16" and seconds_of(weight.bfloat16()) < seconds_of(weight):
        return torch.bfloat16
    return torch.float32


def main() -> None:
    options = read_options()
    new, fan = options.newTokens, 2
    with open(options.prompts, encoding="utf-8") as file:
        texts = json.load(file)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    contexts = [tokenizer(text)["input_ids"] for text in texts]
    longest = max(map(len, contexts)) + 2 * new * options.horizon
    dtype = dtype_for(options, model.model.layers[0].mlp.gate_proj.weight)
    target, adversary = LlamaDecoder(model, dtype, longest), LlamaDecoder(model, dtype, longest)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learningRate, weight_decay=0.0, fused=True)
    never = sorted({tokenizer.eos_token_id, *tokenizer.all_special_ids})

    began = time.perf_counter()
    pairs, spoken = [], 0
    for _ in range(options.horizon):
        said, _none = speak(adversary, contexts, fan, new, options.adversary, never)
        replies, known = speak(target, contexts, fan, new, options.target, never, said)
        spoken += said.numel() + replies.numel()
        utterances, answers = tokenizer.batch_decode(said), tokenizer.batch_decode(replies)
        harm = torch.from_numpy(predict_prob(answers + [a + b for a, b in zip(utterances, answers)]))
        of_reply, of_exchange = harm.chunk(2)
        rewards = options.reward["reply"] * of_reply + options.reward["exchange"] * of_exchange + options.reward["likelihood"] * known / new
        grown = []
        for index, context in enumerate(contexts):
            first, second = index * fan, index * fan + 1
            winner, loser = (first, second) if rewards[first] >= rewards[second] else (second, first)
            pairs.append({"context": context, "chosen": said[winner], "rejected": said[loser], "reference": known[winner] - known[loser]})
            grown += [context + said[node].tolist() + replies[node].tolist() for node in (winner, loser)[:options.branch]]
        contexts = grown
    rolled = time.perf_counter()

    model.train()
    steps = 0
    for first in range(0, len(pairs), options.batchPairs):
        batch = pairs[first:first + options.batchPairs]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            gained = margins(model, batch, new) - torch.stack([pair["reference"] for pair in batch])
        loss = ((gained - 1 / (2 * options.beta)) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps += 1
    adversary.copy_weights(model)
    trained = time.perf_counter()

    give_epoch(
        len(texts), len(pairs), steps, spoken, rolled - began, trained - rolled, **{"peer's type": str(dtype).removeprefix("torch.")},
    )


if __name__ == "__main__":
    main()
