"""A notebook's way: every row padded to 128 tokens, all logits, batches of 5 gathered 8 times."""

import json
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments, default_data_collator
from turns import Turns

LENGTH, BATCH, ACCUMULATION = 128, 5, 8

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
torch.set_num_threads(task["threads"])
model = AutoModelForCausalLM.from_pretrained(task["folder"], dtype=torch.float32)
torch.manual_seed(task["seed"])
model = get_peft_model(
    model,
    LoraConfig(
        task_type="CAUSAL_LM",
        r=task["lora"]["r"],
        lora_alpha=task["lora"]["alpha"],
        lora_dropout=0.0,
        target_modules=task["targets"],
        bias="none",
    ),
)
rows = []
for position in task["order"]:
    row = task["rows"][position]
    fill = LENGTH - len(row["ids"])
    rows.append(
        {
            "input_ids": row["ids"] + [task["pad_token"]] * fill,
            "attention_mask": [1] * len(row["ids"]) + [0] * fill,
            "labels": row["labels"] + [-100] * fill,
        }
    )
with tempfile.TemporaryDirectory() as folder:
    Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            gradient_accumulation_steps=ACCUMULATION,
            num_train_epochs=1,
            learning_rate=task["learning_rate"],
            lr_scheduler_type="constant",
            train_sampling_strategy="sequential",
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
        ),
        train_dataset=rows,
        data_collator=default_data_collator,
        callbacks=[Turns(task["turn_rows"] // (BATCH * ACCUMULATION), task["turn_rows"])],
    ).train()
