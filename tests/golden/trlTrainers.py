"""Golden values of TRL's DPOTrainer on a small random Llama: what its compute_loss gives for a batch of pairs, and the gradient of
every parameter.

    python tests/golden/trlTrainers.py         (versions: requirements.txt)

Writes, in trlTrainers/, the policy as a checkpoint in Hugging Face layout, and for each case
    NAME.json          token ids as the trainer's own dataset holds them (the trainer ends replies with EOS), the reference's
                       log-probability of each token, TRL's log-probability of each reply, its loss, its logged metrics
    NAME.safetensors   gradients, float32
The reference is another random Llama; TRL's own reference pass over it must agree with the sums of the token values.
"rpo" is DPO with TRL's "sft" term; that averages over the tokens of a batch, so its chosen replies have one length.
"""
import json
import pathlib
import tempfile

import torch
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

OUT = pathlib.Path(__file__).parent / "trlTrainers"
CONFIG = dict(vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
              max_position_embeddings=48, tie_word_embeddings=True, initializer_range=0.4, bos_token_id=0, eos_token_id=1,
              attn_implementation="eager", dtype="float32")
CASES = {
    "sigmoid": dict(loss_type=["sigmoid"], beta=0.1),
    "ipo": dict(loss_type=["ipo"], beta=0.2),
    "rpo": dict(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.7], beta=0.1),
}


def tokenizer() -> PreTrainedTokenizerFast:
    """One word a token, "w07" is 7: no word begins with another."""
    words = Tokenizer(models.WordLevel({f"w{i:02}": i for i in range(64)}, unk_token="w02"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="w01", pad_token="w01")


def rows(case: str) -> list[dict]:
    generator = torch.Generator().manual_seed(7)
    words = lambda n: " ".join(f"w{int(i):02}" for i in torch.randint(3, 64, (n,), generator=generator))
    lengths = ((5, 3, 6), (9, 3 if case == "rpo" else 1, 4), (3, 3 if case == "rpo" else 7, 2), (6, 3, 3))
    # A space before each reply: words are split at spaces alone.
    return [dict(prompt=words(p), chosen=f" {words(c)} w01", rejected=f" {words(r)} w01") for p, c, r in lengths]


def random_llama(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(**CONFIG)).eval()


def token_log_probs(model, prefix: list[int], completion: list[int]) -> list[float]:
    with torch.no_grad():
        log_probs = model(torch.tensor([prefix + completion])).logits[0].log_softmax(-1)
    return [log_probs[len(prefix) - 1 + t, token].item() for t, token in enumerate(completion)]


def run(name: str, options: dict, folder: str) -> None:
    policy, reference, data = random_llama(1), random_llama(2), rows(name)
    args = DPOConfig(output_dir=folder, per_device_train_batch_size=len(data), gradient_checkpointing=False, bf16=False, use_cpu=True,
                     report_to=[], disable_tqdm=True, max_length=None, **options)
    trainer = DPOTrainer(policy, reference, args, train_dataset=Dataset.from_list(data), processing_class=tokenizer())
    examples = [{key: row[key] for key in ("prompt_ids", "chosen_ids", "rejected_ids")} for row in trainer.train_dataset]
    batch = trainer.data_collator(examples)
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    with torch.no_grad():
        # The same pass over the policy: compute_loss keeps the log-probability of each reply to itself.
        chosen, rejected = trainer.compute_ref_log_probs(trainer.model, batch)
        ref_chosen, ref_rejected = trainer.compute_ref_log_probs(trainer.ref_model, batch)
    pairs = []
    for example in examples:
        prefix = example["prompt_ids"]
        pairs.append(dict(prefix=prefix, chosen=example["chosen_ids"], rejected=example["rejected_ids"],
                          referenceChosen=token_log_probs(reference, prefix, example["chosen_ids"]),
                          referenceRejected=token_log_probs(reference, prefix, example["rejected_ids"])))
    for ours, theirs in (("referenceChosen", ref_chosen), ("referenceRejected", ref_rejected)):
        torch.testing.assert_close(torch.tensor([sum(pair[ours]) for pair in pairs]), theirs, rtol=1e-5, atol=1e-5)
    metrics = {key: values[0] for key, values in trainer._metrics["train"].items() if key.startswith(("rewards/", "logps/"))}
    golden = dict(options=options, pairs=pairs, policyChosen=chosen.tolist(), policyRejected=rejected.tolist(), loss=loss.item(),
                  metrics=metrics)
    (OUT / f"{name}.json").write_text(json.dumps(golden) + "\n")
    save_file({key: parameter.grad for key, parameter in trainer.model.named_parameters()}, OUT / f"{name}.safetensors")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    random_llama(1).save_pretrained(OUT / "model")
    for name, options in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            run(name, options, folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
