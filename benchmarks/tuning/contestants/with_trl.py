"""TRL's SFTTrainer: completion-only loss, padding to the batch, the same batches in one order."""

import json
import sys
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer
from turns import Turns

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
torch.set_num_threads(task["threads"])
tokenizer = AutoTokenizer.from_pretrained(task["folder"])
model = AutoModelForCausalLM.from_pretrained(task["folder"], dtype=torch.float32)
ordered = [task["rows"][position] for position in task["order"]]
rows = Dataset.from_list(
    [
        {
            "prompt": [
                {"role": "system", "content": task["system"]},
                {"role": "user", "content": row["text"]},
            ],
            "completion": [{"role": "assistant", "content": row["label"]}],
        }
        for row in ordered
    ]
)
batch = task["batch_size"]
with tempfile.TemporaryDirectory() as folder:
    torch.manual_seed(task["seed"])
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            num_train_epochs=1,
            learning_rate=task["learning_rate"],
            lr_scheduler_type="constant",
            completion_only_loss=True,
            max_length=task["max_length"],
            train_sampling_strategy="sequential",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            task_type="CAUSAL_LM",
            r=task["lora"]["r"],
            lora_alpha=task["lora"]["alpha"],
            lora_dropout=0.0,
            target_modules=task["targets"],
            bias="none",
        ),
        callbacks=[Turns(task["turn_rows"] // batch, task["turn_rows"])],
    )
    # The chat template may put a line break after the end of a turn, which tunelab leaves out.
    for position, row in enumerate(ordered):
        ids = trainer.train_dataset[position]["input_ids"]
        if ids[: len(row["ids"])] != row["ids"] or len(ids) > len(row["ids"]) + 1:
            raise SystemExit(f"row {position} is not encoded as tunelab encodes it")
    trainer.train()
