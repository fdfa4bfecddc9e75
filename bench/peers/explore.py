"""Exploring with transformers and scikit-learn: samples from the start token until enough are different, the mean of the model's last states over
real tokens, spherical k-means with the best of several k-means++ starts. float32.
"""
import time

import sklearn
import torch
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits
from transformers import AutoModelForCausalLM, AutoTokenizer

from peer import give, read_options

options = read_options()
tokenizer = AutoTokenizer.from_pretrained(options.model, padding_side="right")
tokenizer.pad_token = tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
sampler = options.sampling


@torch.inference_mode()
def draw(count: int) -> torch.Tensor:
    """New tokens of `count` samples, padded after the end token."""
    start = torch.full((count, 1), tokenizer.bos_token_id)
    return model.generate(
        input_ids=start, attention_mask=torch.ones_like(start), pad_token_id=tokenizer.pad_token_id, do_sample=True, temperature=sampler["temperature"],
        top_k=sampler["topK"], top_p=1.0, no_repeat_ngram_size=sampler["noRepeatNgram"], max_new_tokens=sampler["maxNewTokens"],
    )[:, 1:]


@torch.inference_mode()
def embed(texts: list[str]) -> torch.Tensor:
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    there = batch["attention_mask"][..., None].float()
    states = model.model(**batch, use_cache=False).last_hidden_state
    return (states * there).sum(1) / there.sum(1)


draw(4)  # uncounted
began = time.perf_counter()
kept, tokens = {}, 0
while len(kept) < options.samples:
    new = draw(min(options.batch, options.samples - len(kept) + 8))
    tokens += int((new != tokenizer.pad_token_id).sum())
    for text in tokenizer.batch_decode(new, skip_special_tokens=True):
        text = " ".join(text.split())
        if text and len(kept) < options.samples:
            kept.setdefault(text.lower(), text)
texts = list(kept.values())
drawn = time.perf_counter()
vectors = torch.cat([embed(texts[first:first + 64]) for first in range(0, len(texts), 64)]).numpy()
embedded = time.perf_counter()
with threadpool_limits(options.threads):
    KMeans(options.clusters, n_init=options.starts, random_state=0).fit(normalize(vectors))
end = time.perf_counter()
give(
    {"whole": end - began, "draw": drawn - began, "embed": embedded - drawn, "cluster": end - embedded},
    {"samples": len(texts), "clusters": options.clusters, "drawn tokens": tokens},
    **{"scikit-learn": sklearn.__version__},
)
