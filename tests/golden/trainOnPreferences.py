"""Trains a tiny model by trainers of TRL on what `gadfly preferences` wrote, and prints what they read, for
src/cli/exports.models.test.ts: trainOnPreferences.py dpo:FILE sft:FILE kto:FILE …"""

import json
import sys
import tempfile

import torch
import trl
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

torch.manual_seed(0)
alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer = Tokenizer(models.BPE(vocab={each: i for i, each in enumerate(["<end>", *alphabet])}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>", bos_token="<end>")
tokenizer.chat_template = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
size = dict(vocab_size=len(tokenizer), n_positions=512, n_embd=16, n_layer=1, n_head=2)
folder = tempfile.mkdtemp()
GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0)).save_pretrained(folder)
tokenizer.save_pretrained(folder)


def train(name: str, path: str) -> dict:
    kind = "parquet" if path.endswith(".parquet") else "json"
    rows = load_dataset(kind, data_files=path, split="train", cache_dir=tempfile.mkdtemp())
    trainer_class, config_class = {
        "dpo": (trl.DPOTrainer, trl.DPOConfig),
        "sft": (trl.SFTTrainer, trl.SFTConfig),
        "kto": (trl.KTOTrainer, trl.KTOConfig),
    }[name]
    config = config_class(
        output_dir=tempfile.mkdtemp(),
        max_steps=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = trainer_class(model=folder, args=config, train_dataset=rows, processing_class=tokenizer)
    loss = trainer.train().training_loss
    return {"trainer": name, "rows": len(rows), "columns": rows.column_names, "loss": loss}


trained = [train(*each.split(":", 1)) for each in sys.argv[1:]]
print(json.dumps({"version": trl.__version__, "trained": trained}))
