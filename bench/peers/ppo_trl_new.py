"""A round of PPO by the PPOTrainer of TRL 0.12 to 1.12 (`trl.experimental.ppo`): the critic is a second model of the policy's size.

`train` with as many episodes as queries does all of it: utterances of exactly as many tokens as asked for (no end token), log-probabilities, values,
the reference's log-probabilities, advantages, `passes` epochs of minibatches; the learning rate is its own to lower. The reward model is a
llama of one narrow layer, so that no judge counts. The critic's share is what its forward and backward passes take, and its part of the
optimizer's time by its number of parameters. float32.
"""
import json
import tempfile
import time

import torch
import transformers
import trl
import trl.experimental.ppo.ppo_trainer as implementation
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig
from trl.experimental.ppo import PPOConfig, PPOTrainer

from peer import give, read_options

transformers.logging.set_verbosity_error()
options = read_options()
with open(options.queries, encoding="utf-8") as file:
    queries = json.load(file)
tokenizer = AutoTokenizer.from_pretrained(options.model, padding_side="left")
tokenizer.pad_token = tokenizer.eos_token
policy, reference = (AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32) for _ in range(2))
critic = AutoModelForSequenceClassification.from_pretrained(options.model, dtype=torch.float32, num_labels=1, pad_token_id=tokenizer.pad_token_id)
judge = AutoModelForSequenceClassification.from_config(LlamaConfig(
    vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, num_labels=1,
    pad_token_id=tokenizer.pad_token_id,
))


class Clock:
    """Seconds by what they went to; `mark` ends a part."""

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self.began: dict[str, float] = {}

    def start(self, name: str) -> None:
        self.began[name] = time.perf_counter()

    def end(self, name: str) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - self.began.pop(name)

    def around(self, name: str, call):
        def timed(*args, **kwargs):
            self.start(name)
            try:
                return call(*args, **kwargs)
            finally:
                self.end(name)

        return timed


clock = Clock()
body = getattr(critic, critic.base_model_prefix)
body.register_forward_pre_hook(lambda *_: clock.start("critic"))
body.register_forward_hook(lambda *_: clock.end("critic"))
# Gradients reach the states first and the embeddings last; the policy's come before them.
critic.score.register_full_backward_pre_hook(lambda *_: clock.start("critic back"))
body.embed_tokens.register_full_backward_hook(lambda *_: clock.end("critic back"))


def play(rows: list[dict], new_tokens: int, passes: int) -> dict:
    """Seconds of the parts of a round."""
    clock.seconds.clear()
    data = Dataset.from_dict({"input_ids": [row["ids"] for row in rows]})
    batches = max(1, len(rows) // options.batchSize)
    drawn, steps = [], []
    with tempfile.TemporaryDirectory() as folder:
        trainer = PPOTrainer(
            args=PPOConfig(
                output_dir=folder, per_device_train_batch_size=len(rows), gradient_accumulation_steps=1, num_mini_batches=batches,
                num_ppo_epochs=passes, total_episodes=len(rows), local_rollout_forward_batch_size=len(rows), response_length=new_tokens,
                stop_token=None, temperature=1.0, learning_rate=options.learningRate, num_sample_generations=0, report_to=[], bf16=False,
                gradient_checkpointing=False, use_cpu=True, save_strategy="no", eval_strategy="no", disable_tqdm=True,
            ),
            processing_class=tokenizer, model=policy, ref_model=reference, reward_model=judge, value_model=critic, train_dataset=data, eval_dataset=data,
        )
        generation_of, whiten_of, step_of = batch_generation, masked_whiten, trainer.optimizer.step

        def generated(*args, **kwargs):
            clock.start("whole")
            texts, logits = clock.around("rollout", generation_of)(*args, **kwargs)
            drawn.append(logits.shape[0] * logits.shape[1])
            clock.start("values")
            return texts, logits

        def whitened(*args, **kwargs):
            clock.end("values")
            return whiten_of(*args, **kwargs)

        def stepped(*args, **kwargs):
            steps.append(1)
            return clock.around("optimizer", step_of)(*args, **kwargs)

        implementation.batch_generation, implementation.masked_whiten, trainer.optimizer.step = generated, whitened, stepped
        trainer.train()
        clock.end("whole")
    return {"steps": len(steps), "tokens": sum(drawn)}


batch_generation, masked_whiten = implementation.batch_generation, implementation.masked_whiten
play(queries[:2], 2, 1)  # uncounted
counts = play(queries, options.newTokens, options.passes)
seconds = clock.seconds
trained = [sum(each.numel() for each in model.parameters()) for model in (policy, critic)]
of_critic = seconds["critic"] + seconds["critic back"] + seconds["optimizer"] * trained[1] / sum(trained)
give(
    {
        "whole": seconds["whole"], "rollout": seconds["rollout"], "values": seconds["values"],
        "update": seconds["whole"] - seconds["rollout"] - seconds["values"], "critic": of_critic,
    },
    {"utterances": len(queries), "drawn tokens": counts["tokens"], "optimizer steps": counts["steps"]},
    trl=trl.__version__,
)
