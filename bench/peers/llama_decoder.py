"""A Llama that reads and writes a key/value cache and computes no gradients: what a rollout in plain PyTorch needs to be quick.

Weights are copied from transformers' model; projections of one input are joined into one matrix; the cache is allocated once.
Rows are padded on the left, so that all of them end at the same place.
"""
import torch
import torch.nn.functional as F

Rows = list[list[int]]


class LlamaDecoder:
    def __init__(self, model, dtype: torch.dtype, longest: int):
        config = model.config
        self.heads, self.kv_heads, self.size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.layer_count, self.epsilon, self.dtype = config.num_hidden_layers, config.rms_norm_eps, dtype
        frequencies = config.rope_parameters["rope_theta"] ** -(torch.arange(0, self.size, 2) / self.size)
        angles = torch.arange(longest)[:, None] * frequencies.repeat(2)
        self.cos, self.sin = angles.cos().to(dtype), angles.sin().to(dtype)
        self.copy_weights(model)

    @torch.no_grad()
    def copy_weights(self, model) -> None:
        def join(*layers) -> torch.Tensor:
            return torch.cat([layer.weight for layer in layers]).to(self.dtype)

        body = model.model
        self.embedding, self.last_norm = join(body.embed_tokens), join(body.norm)
        self.layers = []
        for layer in body.layers:
            a, m = layer.self_attn, layer.mlp
            self.layers.append((
                join(layer.input_layernorm), join(a.q_proj, a.k_proj, a.v_proj), join(a.o_proj),
                join(layer.post_attention_layernorm), join(m.gate_proj, m.up_proj), join(m.down_proj),
            ))

    def new_cache(self, rows: int, length: int) -> torch.Tensor:
        """[layer, keys and values, B, kv heads, T, head size]"""
        return torch.empty(self.layer_count, 2, rows, self.kv_heads, length, self.size, dtype=self.dtype)

    def norm(self, x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],), gain, self.epsilon)

    def read(self, ids: torch.Tensor, positions: torch.Tensor, cache: torch.Tensor, start: int, there: torch.Tensor) -> torch.Tensor:
        """Hidden states [B, T, C] of ids [B, T] that follow `start` cached places; there [B, start + T] is false for padding."""
        rows, length = ids.shape
        end, group = start + length, self.heads // self.kv_heads
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]
        mask = there[:, None, None, :]
        if length > 1:
            causal = torch.ones(length, end, dtype=torch.bool).tril(start)
            itself = torch.eye(length, end, dtype=torch.bool) if start == 0 else torch.zeros(length, end, dtype=torch.bool)
            mask = (mask & causal) | itself  # padding must attend to something
        x = self.embedding[ids]
        for (norm1, qkv, out, norm2, gate_up, down), (keys, values) in zip(self.layers, cache):
            heads = F.linear(self.norm(x, norm1), qkv).view(rows, length, self.heads + 2 * self.kv_heads, self.size)
            qk, v = heads.split([self.heads + self.kv_heads, self.kv_heads], dim=2)
            low, high = qk.chunk(2, -1)
            qk = qk * cos + torch.cat([-high, low], -1) * sin
            q, k = qk.split([self.heads, self.kv_heads], dim=2)
            keys[:, :, start:end], values[:, :, start:end] = k.transpose(1, 2), v.transpose(1, 2)
            k, v = keys[:, :, :end], values[:, :, :end]
            if length == 1:  # the queries that share a key head are its rows
                seen = F.scaled_dot_product_attention(q.view(rows, self.kv_heads, group, self.size), k, v, attn_mask=mask)
            else:
                seen = F.scaled_dot_product_attention(q.transpose(1, 2), k, v, attn_mask=mask, enable_gqa=True).transpose(1, 2)
            x = x + F.linear(seen.reshape(rows, length, -1), out)
            gate, up = F.linear(self.norm(x, norm2), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        return self.norm(x, self.last_norm)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden, self.embedding).float()


def pad_left(rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids [B, T], which are there [B, T], positions [B, T]."""
    longest = max(map(len, rows))
    ids, there = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest, dtype=torch.bool)
    for index, row in enumerate(rows):
        ids[index, longest - len(row):] = torch.tensor(row)
        there[index, longest - len(row):] = True
    return ids, there, (there.long().cumsum(1) - 1).clamp(min=0)
