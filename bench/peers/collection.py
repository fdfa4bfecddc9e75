"""Collecting dialogues that a planner steers, with transformers: the state of the context's last token, an action of a small network with
noise, two soft tokens at the end of the context, `generate` with `inputs_embeds`, and a reply by plain `generate`. All rows of a batch are of
one length, so that nothing is padded.
"""
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from peer import give, median_seconds, read_options

options = read_options()
model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
table = model.get_input_embeddings()
width, actions = table.embedding_dim, options.actionWidth
planner = nn.Sequential(
    nn.Linear(width + 1, width), nn.SiLU(), nn.Linear(width, actions), nn.SiLU(), nn.Linear(actions, actions)
)
raise_action = nn.Linear(actions, options.softTokens * width, bias=False)
sampling = dict(
    do_sample=True, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=model.config.eos_token_id,
    min_new_tokens=options.newTokens, max_new_tokens=options.newTokens,
)


def separator(rows: int) -> torch.Tensor:
    return torch.randint(0, table.num_embeddings, (rows, options.separatorTokens))


@torch.no_grad()
def play(rows: int) -> None:
    ids = torch.randint(0, table.num_embeddings, (rows, options.contextTokens))
    for exchange in range(options.exchanges):
        state = model.model(input_ids=ids).last_hidden_state[:, -1]
        left = torch.full((rows, 1), 1 - exchange / options.exchanges)
        action = planner(torch.cat([state, left], 1)) + (2 * torch.randn(rows, actions)).clamp(-6, 6)
        soft = raise_action(action).view(rows, options.softTokens, width)
        embeds = torch.cat([table(ids), soft], 1)
        said = model.generate(inputs_embeds=embeds, attention_mask=torch.ones(embeds.shape[:2], dtype=torch.long), **sampling)
        assert said.shape == (rows, options.newTokens)
        ids = torch.cat([ids, said, separator(rows)], 1)
        whole = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **sampling)
        assert whole.shape == (rows, ids.shape[1] + options.newTokens)
        ids = torch.cat([whole, separator(rows)], 1)


def collect() -> None:
    for first in range(0, options.dialogues, options.batch):
        play(min(options.batch, options.dialogues - first))


seconds = median_seconds(collect, options.repeat)
work = {"dialogues": options.dialogues, "drawn tokens": options.dialogues * options.exchanges * 2 * options.newTokens}
give({"dialogues": options.dialogues / seconds}, work)
