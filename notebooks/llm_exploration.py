# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Language models, from tokens to fine-tuning
#
# This notebook walks through a course on small language models. Part 1 looks at models as they
# are: what they generate, how tokenizers cut text, what instruction tuning changes, what a chat
# template does. Part 2 adapts one to a task: data, masks, LoRA and its relatives, memory,
# training, evaluation.
#
# Two rules hold throughout.
#
# * **The cells call a library**, tunelab. What you see here are calls and their results; how a
#   thing is done stands in the library, where it is tested.
# * **Sentences about results are printed by the cells.** The text around them says what to look
#   for; the conclusions are computed, so that they cannot contradict the numbers. Models and data
#   here are small, and what they show need not hold for large ones.

# %% [markdown]
# ## Q0 Set-up
#
# `MODELS` chooses the models. `"embedded"` are two small ones that come from the package index, so
# that no account is needed: Gemma 3 270M (a base model) and SmolLM2-135M-Instruct. `"llama-3.2"`
# are Llama-3.2-1B and its instruction-tuned form, which need a GPU and access to a gated
# repository.

# %%
MODELS = "embedded"  # or "llama-3.2" on a GPU

# %% [markdown]
# On Colab and Kaggle the library has to be installed first. Clone the repository beside the
# notebook; elsewhere these two cells do nothing.

# %%
import os
import subprocess
import sys

REPOSITORY = os.environ.get("TUNELAB_REPOSITORY", "tunelab")  # the folder of the clone
IN_COLAB = "google.colab" in sys.modules
IN_KAGGLE = "KAGGLE_KERNEL_RUN_TYPE" in os.environ
if IN_COLAB or IN_KAGGLE:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--editable", REPOSITORY]
    subprocess.run(install, check=True)

# %% [markdown]
# Llama is gated: accept its licence on the model's page, make a read token, and store it as a
# secret called `HF_TOKEN` (Colab: the key symbol at the left; Kaggle: Add-ons, Secrets). Never
# write a token into a cell.

# %%
if MODELS == "llama-3.2" and IN_COLAB:
    from google.colab import userdata

    os.environ["HF_TOKEN"] = userdata.get("HF_TOKEN")
elif MODELS == "llama-3.2" and IN_KAGGLE:
    from kaggle_secrets import UserSecretsClient

    os.environ["HF_TOKEN"] = UserSecretsClient().get_secret("HF_TOKEN")

# %%
import logging
import warnings
from dataclasses import replace
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import SVG, Markdown, display
from transformers.utils import logging as transformers_logging

import tunelab

logging.disable(logging.WARNING)
transformers_logging.set_verbosity_error()
warnings.filterwarnings("ignore")
pd.set_option("display.max_colwidth", 120)

SHORT = os.environ.get("TUNELAB_NOTEBOOK") == "short"
CHOICES = {
    "embedded": ("gemma-3-270m", "smollm2-135m-instruct"),
    "llama-3.2": ("llama-3.2-1b", "llama-3.2-1b-instruct"),
}
BASE, INSTRUCT = CHOICES[MODELS]
BASE = os.environ.get("TUNELAB_NOTEBOOK_BASE", BASE)
INSTRUCT = os.environ.get("TUNELAB_NOTEBOOK_INSTRUCT", INSTRUCT)
SEED = 42
# Rows and tokens of every part; the short form only shows that all cells run.
SIZES = {
    "train": 18 if SHORT else 300,
    "validation": 6 if SHORT else 60,
    "test": 12 if SHORT else 120,
    "prompts": 2 if SHORT else 6,
    "tokens": 8 if SHORT else 48,
    "resamples": 100 if SHORT else 2000,
}


def table(rows, columns=None):
    """Rows as a table, the columns in this order."""
    return (
        pd.DataFrame(list(rows), columns=columns)
        .style.hide(axis="index")
        .format(precision=3, thousands=",", na_rep="–")
    )


# Okabe and Ito's colours, which colour-blind readers can tell apart.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#5F5F5F"]
AXIS = {"labelFontSize": 12, "titleFontSize": 12, "gridColor": "#e6e6e6", "domainColor": "#888"}


def show(chart):
    """A chart as a picture that needs no network to be seen."""
    import vl_convert

    styled = (
        chart.configure(font="Inter, Segoe UI, Helvetica, Arial, sans-serif", background="white")
        .configure_axis(**AXIS, labelLimit=320, maxExtent=360)
        .configure_legend(labelFontSize=12, titleFontSize=12, orient="top", labelLimit=320)
        .configure_view(stroke=None)
        .configure_title(fontSize=14, anchor="start")
        .configure_range(category=PALETTE)
    )
    display(SVG(vl_convert.vegalite_to_svg(styled.to_json())))


def conclude(*sentences):
    """What follows from the numbers above."""
    display(Markdown("\n".join(f"> **Found:** {sentence}\n" for sentence in sentences)))


# %% [markdown]
# Which device is there, and which precision does it run fast?

# %%
facts = tunelab.device_facts()
DEVICE, DTYPE = facts["device"], facts["precision"]
table(
    {"": key, "value": str(facts[key])}
    for key in ("device", "name", "threads", "precision", "cpu_capability")
)

# %% [markdown]
# Access to gated models: is there a token? It is never printed.

# %%
catalog = tunelab.model_catalog()
gated = list(catalog[catalog["gated"]]["name"])
needs = BASE in gated or INSTRUCT in gated
conclude(
    f"A token is {'there' if facts['token'] else 'not there'}; the models of this run "
    f"({Path(BASE).name}, {Path(INSTRUCT).name}) {'need' if needs else 'do not need'} one. "
    f"Gated in the catalog: {', '.join(gated)}."
)

# %% [markdown]
# # Part 1: models as they are
#
# ## Q1.1 Readable generation
#
# A causal model continues a text: what it returns contains the prompt. An answer that people
# read should not. A model's `answer` gives the answer alone, says how many tokens it took and why
# it ended.

# %%
base = tunelab.open_model(BASE)
instruct = tunelab.open_model(INSTRUCT)

question = "Name three colours of the rainbow."
greedy = tunelab.GenerationSettings(max_new_tokens=SIZES["tokens"], seed=SEED)
[[answer]] = instruct.answer([[{"role": "user", "content": question}]], greedy)
print("question:", question)
print("answer:  ", answer.text.strip())
conclude(
    f"The answer has {len(answer.tokens)} tokens and ended by {answer.ending}; it "
    f"{'repeats' if question in answer.text else 'does not repeat'} the question."
)

# %% [markdown]
# ## Q1.2 One function for all generation
#
# All settings of generation are one frozen value. Temperature 0 takes the likeliest token each
# time; above it, tokens are drawn, and `top_k`, `top_p` and `min_p` say from how many. A seed makes
# draws repeatable. A wrong setting is refused with a sentence.

# %%
variants = {
    "greedy": greedy,
    "temperature 0.7": replace(greedy, temperature=0.7),
    "temperature 0.7 again": replace(greedy, temperature=0.7),
    "temperature 1.5": replace(greedy, temperature=1.5),
    "temperature 1.5, top_p 0.9": replace(greedy, temperature=1.5, top_p=0.9),
    "temperature 0.7, other seed": replace(greedy, temperature=0.7, seed=SEED + 1),
}
story = [{"role": "user", "content": "Begin a story about a lighthouse with one sentence."}]
stories = {name: instruct.answer([story], one)[0][0].text.strip() for name, one in variants.items()}
for name, text in stories.items():
    print(f"{name}:\n    {text}\n")
try:
    replace(greedy, top_p=1.5)
except tunelab.UsageError as error:
    print("refused:", error)
same = stories["temperature 0.7"] == stories["temperature 0.7 again"]
other = stories["temperature 0.7"] != stories["temperature 0.7, other seed"]
conclude(
    f"The same seed gives {'the same' if same else 'another'} text.",
    f"Another seed gives {'another' if other else 'the same'} text.",
)

# %% [markdown]
# ## Q1.3 How tokenizers cut text
#
# A model never sees letters, only numbers of pieces. Three families are common:
#
# * **byte-level BPE** (Llama 3.2, Phi-4-mini, SmolLM2) begins with bytes and joins frequent pairs;
#   it can write any text;
# * **SentencePiece BPE** (Mistral 7B) joins characters and falls back to bytes for the rest;
# * **WordPiece** (BERT) cuts words into pieces it knows and has an unknown token.
#
# Persian is the test: its letters take two bytes each, it joins parts of a word with a zero-width
# non-joiner, and few training texts are Persian.

# %%
NAMES = ["smollm2", "llama-3.2", "mistral-7b-v0.1", "phi-4-mini", "bert-base-uncased"]
sentence = "کتاب‌هایم را می‌خوانم."
cuts = tunelab.tokenize(sentence, NAMES, seed=SEED).to_dict("records")
print(sentence)
for one in cuts:
    print(f"{one['tokenizer']:<20}", " | ".join(one["pieces"]))

# %%
table(
    {
        "tokenizer": one["tokenizer"],
        "algorithm": one["algorithm"],
        "vocabulary": one["vocabulary"],
        "tokens": one["tokens"],
        "tokens a word": one["fertility"],
        "share of byte pieces": one["byte_fallback_rate"],
        "share unknown": one["unknown_rate"],
        "comes back exactly": one["round_trip"],
    }
    for one in cuts
)

# %% [markdown]
# One sentence proves little. The corpus below has the same sentences in several languages, so that
# tokenizers and languages can be compared pair by pair. *Tokens a word* is called fertility;
# the *premium* is how many tokens a language needs for what English says in one.

# %%
compared = tunelab.compare_tokenizers(NAMES, seed=SEED)
languages = compared.languages.rename(columns={"fertility": "tokens a word"})
languages = languages[["tokenizer", "language", "tokens a word", "premium"]]
persian = languages[languages["language"] == "fa"]
SHOWN = ["en", "de", "ru", "ar", "fa", "hi", "zh"]
show(
    alt.Chart(languages[languages["language"].isin(SHOWN)])
    .mark_bar()
    .encode(
        x=alt.X("tokenizer:N", title=None, sort=NAMES, axis=alt.Axis(labelAngle=-30)),
        xOffset=alt.XOffset("language:N", sort=SHOWN),
        y=alt.Y("premium:Q", title="tokens for one English token"),
        color=alt.Color("language:N", title=None, sort=SHOWN),
    )
    .properties(width=640, height=260)
)
table(persian.to_dict("records"))

# %%
ordered = persian.sort_values("tokens a word")
pairs = compared.pairs[compared.pairs["language"] == "fa"]
settled = pairs[pairs["p_adjusted"] < 0.05]
lossy = [one["tokenizer"] for one in cuts if not one["round_trip"]]
conclude(
    f"On {compared.sentences} Persian sentences {ordered.iloc[0]['tokenizer']} needs the fewest "
    f"tokens a word ({ordered.iloc[0]['tokens a word']:.2f}) and "
    f"{ordered.iloc[-1]['tokenizer']} the most ({ordered.iloc[-1]['tokens a word']:.2f}).",
    f"Of {len(pairs)} pairs of tokenizers {len(settled)} differ after Holm's correction.",
    f"The sentence above does not come back exactly from: {', '.join(lossy) or 'none of them'}.",
)

# %% [markdown]
# How a word is written matters too: with the joiner, with a space in its place, or with Arabic
# letters that look the same.

# %%
changes = compared.spellings[compared.spellings["tokenizer"].isin(NAMES[1:3])]
table(
    {
        "tokenizer": row["tokenizer"],
        "change": row["kind"],
        "tokens before": row["standard_tokens"],
        "tokens after": row["variant_tokens"],
        "ratio": row["ratio"],
    }
    for row in changes.to_dict("records")
)

# %% [markdown]
# ## Q1.4 Base against instruction-tuned
#
# Both models get the same questions. A base model continues the text; an instruction-tuned one was
# taught to answer. Look at three things: how long answers are, whether they end by themselves,
# and what temperature does to repetition and variety.

# %%
asked = tunelab.ask(
    {"base": base, "instruct": instruct},
    most=SIZES["prompts"],
    settings=replace(greedy, samples=1 if SHORT else 2),
    temperatures=[0.0, 1.0],
)
first = asked.answers[asked.answers["temperature"] == 0]
for prompt in asked.prompts.head(3).itertuples():
    print(f"[{prompt.text}]")
    for one in first[first["prompt"] == prompt.id].itertuples():
        print(f"  {one.model}: {one.text.strip()[:200]!r}")

# %%
measures = asked.measures
table(
    {"model": model, "temperature": temperature, **dict(zip(of["title"], of["value"], strict=True))}
    for (model, temperature), of in measures.groupby(["model", "temperature"], sort=False)
)

# %%
titles = dict(zip(measures["measure"], measures["title"], strict=True))


def value(model, temperature, name):
    """A measure of a model, as text."""
    found = asked.value(model, temperature, name)
    return "undefined" if found is None else f"{found:.2f}"


conclude(
    *(
        f"{titles[name]}, at temperature 0: base {value('base', 0.0, name)}, instruct "
        f"{value('instruct', 0.0, name)}."
        for name in ("open_tokens", "open_stopped", "open_right", "open_repetition")
    ),
    "Distinct words over words of the instruction-tuned model: "
    f"{value('instruct', 0.0, 'open_distinct_1')} at temperature 0 and "
    f"{value('instruct', 1.0, 'open_distinct_1')} at temperature 1.",
    f"These are {len(asked.prompts)} prompts: enough to see a style, too few to rank models.",
)

# %% [markdown]
# ## Q1.5 Chat templates and roles
#
# A template turns messages into one row of tokens, with control tokens where turns begin and end.
# Below is the same conversation with the model's own template and as a plain script.

# %%
conversation = [
    {"role": "system", "content": "You answer in one short sentence."},
    {"role": "user", "content": "Why is the sky blue?"},
]
views = [instruct.view_prompt(conversation, name) for name in ("own", "none")]
for view in views:
    print(f"--- template: {view.name}, {len(view.tokens)} tokens, {view.controls} control tokens")
    print(view.text, "\n")

# %%
with_without = {}
for name in ("own", "none"):
    [[one]] = instruct.with_template(name).answer([conversation], greedy)
    with_without[name] = one
    print(f"--- template: {name}, ended by {one.ending}\n{one.text.strip()}\n")
conclude(
    *(
        f"With the template {name}: {len(one.tokens)} tokens, ended "
        f"{'by itself' if one.stopped else 'because it was cut'}."
        for name, one in with_without.items()
    )
)

# %% [markdown]
# Roles: a funny maths teacher is asked for 2 + 2, and two experts debate. The model plays every
# line that the file leaves open; a score says which rules of a role a line keeps (it stays
# itself, it ends, it says what was asked for).

# %%
played = {}
for name in ("math-teacher", "two-experts"):
    for template in ("own", "none"):
        one = tunelab.play(
            name, instruct, settings=greedy, template=template, further=0 if SHORT else None
        )
        played[name, template] = one
        print(f"=== {name}, template {template}")
        print(one, "\n")

# %%
conclude(
    *(
        f"{name}, template {template}: "
        + (
            f"the lines keep {one.consistency:.0%} of the rules of their roles."
            if one.consistency is not None
            else "no line could be scored."
        )
        for (name, template), one in played.items()
    )
)

# %% [markdown]
# # Part 2: adapting a model
#
# ## Q2.0 Data and stratified sampling
#
# The task is to name the emotion of a short English text. A study describes everything that
# follows: data, prompt, models, methods, training, evaluation. Every key has a default, and a
# wrong key is refused.

# %%
OUT = Path("runs") / ("notebook-short" if SHORT else "notebook")
study = tunelab.open_study(
    "starter",
    name="notebook",
    seed=SEED,
    data__sample={split: SIZES[split] for split in ("train", "validation", "test")},
    models={"base": BASE, "instruct": INSTRUCT},
    tokenizers=[],
    classifiers=[],
    claims=[],
    training__epochs=1,
    training__tracking=[],
    training__evaluate_every=0.25,
    evaluation__resamples=SIZES["resamples"],
    evaluation__shots=0,
    methods=[
        {"name": "lora", "r": 16, "alpha": 32},
        {"name": "ia3"},
        {"name": "prompt_tuning", "id": "prompt"},
        {"name": "prefix_tuning", "id": "prefix"},
        {"name": "p_tuning", "id": "p-tuning"},
    ],
)
try:
    tunelab.open_study("starter", training__epoch=1)
except tunelab.UsageError as error:
    print("refused:", error)

# %% [markdown]
# `prepare` loads the rows, looks for faults, leaves faulty training rows out and draws the sample.
# *Stratified* means that each class keeps its share; with classes of unequal size a plain draw
# would not.

# %%
data = tunelab.prepare(study, out=OUT)
counts = data.counts
every = counts.groupby(["split", "which"])["rows"].transform("sum").clip(lower=1)
rows = pd.DataFrame(
    {
        "rows": counts["split"] + ", " + counts["which"],
        "label": counts["label"],
        "share": counts["rows"] / every,
    }
)
show(
    alt.Chart(rows)
    .mark_bar()
    .encode(
        x=alt.X("label:N", title=None, axis=alt.Axis(labelAngle=0)),
        xOffset="rows:N",
        y=alt.Y("share:Q", axis=alt.Axis(format="%")),
        color=alt.Color("rows:N", title=None),
    )
    .properties(width=640, height=220)
)
train = counts[counts["split"] == "train"]
full = train[train["which"] == "all"].set_index("label")["rows"]
sample = train[train["which"] == "sample"].set_index("label")["rows"]
furthest = (full / full.sum() - sample / sample.sum()).abs().max()
# The same number of rows drawn without regard to the classes, 200 times.
pool = [label for label, n in full.items() for _ in range(n)]
plain = []
for draw in range(200):
    generator = np.random.default_rng(draw)
    drawn = list(generator.choice(pool, len(data.splits["train"]), replace=False))
    shares = {label: n / full.sum() for label, n in full.items()}
    plain.append(max(abs(drawn.count(one) / len(drawn) - shares[one]) for one in data.labels))
checks = data.checks
conclude(
    f"{len(data.splits['train'])} training, {len(data.splits['validation'])} validation and "
    f"{len(data.splits['test'])} test rows; no class's share in the training sample is further "
    f"than {100 * furthest:.1f} points from its share in all training rows.",
    f"In {len(plain)} plain draws of as many rows some class is off by "
    f"{100 * sum(plain) / len(plain):.1f} points on average and {100 * max(plain):.1f} at most.",
    f"Texts with two labels: {checks['conflicting']}; training texts that stand in the test rows "
    f"too: {checks['shared']['test']}.",
)

# %% [markdown]
# ## Q2.1 Conversations as training data
#
# A row becomes a conversation: the instruction, the text, and the label as the assistant's answer.
# The same code writes the prompt in training and in evaluation.

# %%
encoded = data.view(model="instruct", show=2)
for message in encoded.messages[0]:
    print(f"{message['role']:>10}: {message['content']}")

asked_ids = list(encoded.prompts[0])
taught_ids = [token.id for token in encoded.rows[0].tokens]
same = taught_ids[: len(asked_ids)] == asked_ids
conclude(
    f"The row has {len(taught_ids)} tokens. The {len(asked_ids)} before the answer are "
    f"{'the same' if same else 'not the same'} in training and in evaluation.",
    f"SHA-256 of all that decides them: `{encoded.format.hash[:16]}`.",
)

# %% [markdown]
# ## Q2.2 Labels masked to the answer
#
# The loss should teach the answer and not the question. Labels are −100 wherever nothing is to be
# learned, and the loss skips those. Below, trained tokens stand in 【brackets】: the answer and its
# stop token, and nothing else. Without the stop token a model would never learn to end.

# %%
for view in encoded.rows:
    print("".join(f"【{t.text}】" if t.trained else t.text for t in view.tokens), "\n")
trained = ["".join(t.text for t in view.tokens if t.trained) for view in encoded.rows]
first_rows = data.splits["train"][: len(encoded.rows)]
ends = [[t for t in view.tokens if t.trained][-1] for view in encoded.rows]
clean = all(
    text.strip() == f"{row.label}{end.text}".strip() and end.control
    for text, row, end in zip(trained, first_rows, ends, strict=True)
)
conclude(
    f"Trained in these rows: {', '.join(repr(text) for text in trained)}"
    f"{', the label and a stop token' if clean else ', not the label and a stop token alone'}.",
    f"{encoded.lengths.trained_share:.1%} of all tokens of the training rows are trained.",
)

# %% [markdown]
# ## Q2.3 Truncation, padding, length
#
# Rows of a batch must have one length, or be run as one long row. Padding is computed and thrown
# away; truncation throws text away. Both depend on `max_length` and on which rows share a batch.

# %%
lengths = encoded.lengths
table(
    [
        {"": "tokens of the longest row", "value": f"{lengths.longest}"},
        {"": "tokens of the middle row", "value": f"{lengths.median}"},
        {"": "max_length", "value": f"{lengths.max_length}"},
        {"": "rows that are cut", "value": f"{lengths.share_cut:.1%}"},
        {"": "padding, all rows to max_length", "value": f"{lengths.padding_to_max_length:.1%}"},
        {"": "padding, batches as rows come", "value": f"{lengths.padding_in_batches:.1%}"},
        {"": "padding, batches of like length", "value": f"{lengths.padding_by_length:.1%}"},
        {"": "tokens that all rows begin with", "value": f"{lengths.shared_prefix}"},
    ]
)

# %%
kinds = {
    "all rows to max_length": lengths.padding_to_max_length,
    "batches as rows come": lengths.padding_in_batches,
    "batches of like length": lengths.padding_by_length,
}
most, least = max(kinds, key=kinds.get), min(kinds, key=kinds.get)
conclude(
    f"Most is padded with {most} ({kinds[most]:.1%}), least with {least} ({kinds[least]:.1%}). "
    f"tunelab packs rows into one sequence and runs the {lengths.shared_prefix} common tokens once."
)

# %% [markdown]
# ## Q2.4 LoRA: rank, alpha, targets, dropout
#
# The library's file explains how the method works; this is its text, with a drawing of where it
# acts in a block of the model.


# %%
def explain(method):
    """What a method's own file says of it, and where it acts."""
    found = tunelab.explain(method)
    display(Markdown(str(found)))
    display(SVG(found.drawing))


explain("lora")

# %% [markdown]
# Rank and targets decide how much is trained. It can be counted from the model's shape, before any
# weights are read. Alpha scales the change and dropout hides inputs of A in training; neither adds
# a parameter.

# %%
choices = [
    {"r": r, "targets": targets} for targets in ("qv", "attention", "all-linear") for r in (4, 16)
]
counted = []
for chosen in choices:
    try:
        found = tunelab.estimate(INSTRUCT, "lora", **chosen)
    except tunelab.UsageError as error:
        print("refused:", error)
        continue
    counted.append({**chosen, "trained": found.trainable, "share in %": 100 * found.share})
table(counted)

# %%
few, many = min(counted, key=lambda row: row["trained"]), max(counted, key=lambda r: r["trained"])
conclude(
    f"r = {few['r']} on {few['targets']} trains {few['trained']:,} numbers, r = {many['r']} on "
    f"{many['targets']} {many['trained']:,}: {many['trained'] / few['trained']:.1f} times as many."
)

# %% [markdown]
# ## Q2.5 Perplexity and early stopping
#
# A callback watches the training. Perplexity is exp(loss): how many tokens the model hesitates
# between, on average. The weights of the best validation loss are kept, and training ends when it
# has not fallen for some evaluations. Here is the callback on made-up losses, with a patience of
# two.

# %%
watched = tunelab.early_stopping([1.9, 1.2, 0.8, 0.85, 0.9, 0.7], patience=2)
display(table(watched.drop(columns="best").to_dict("records")))
best = watched[watched["evaluation"] == watched["best"].iloc[-1]].iloc[0]
conclude(
    f"It stops after evaluation {len(watched)} and keeps the weights of evaluation "
    f"{best['evaluation']:.0f}, whose loss was {best['loss']}."
)

# %% [markdown]
# ## Q2.6 Schedules and mixed precision
#
# The learning rate rises during the warm-up and then falls, or stays. Below are transformers'
# schedules with a warm-up of 10 % of 100 steps.

# %%
import torch
from transformers import get_scheduler

curves = []
for name in ("linear", "cosine", "constant_with_warmup", "inverse_sqrt"):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=10, num_training_steps=100)
    for step in range(100):
        curves.append({"schedule": name, "step": step, "rate": scheduler.get_last_lr()[0]})
        optimizer.step()
        scheduler.step()
show(
    alt.Chart(pd.DataFrame(curves))
    .mark_line()
    .encode(
        x=alt.X("step:Q", title="step"),
        y=alt.Y("rate:Q", title="share of the learning rate"),
        color=alt.Color("schedule:N", title=None),
        strokeDash=alt.StrokeDash("schedule:N", title=None),
    )
    .properties(width=640, height=220)
)

# %% [markdown]
# Precision: 16 bits halve the weights. bfloat16 keeps the range of float32 and loses digits;
# float16 keeps more digits and a small range, so that small gradients vanish without scaling.

# %%
kinds = {name: torch.finfo(getattr(torch, name)) for name in ("float32", "bfloat16", "float16")}
display(
    table(
        {"type": name, "bits": one.bits, "largest": f"{one.max:.2g}", "step at 1": f"{one.eps:.2g}"}
        for name, one in kinds.items()
    )
)
full_rate = tunelab.explain("full").learning_rate
lost = [name for name, one in kinds.items() if one.eps > full_rate]
conclude(
    f"On this device ({DEVICE}) training runs in {DTYPE}.",
    f"A step of full fine-tuning's learning rate, {full_rate:g}, is smaller than the gap between 1 "
    f"and the next number in: {', '.join(lost) or 'none of them'}. That is why full weights are "
    "trained in 32 bits.",
)

# %% [markdown]
# ## Q2.7 Memory: all weights against LoRA
#
# The estimate counts the bytes of one training step from a model's configuration. AdamW keeps two
# moments for each trained number, and each has a gradient.

# %%
needed = {
    (model, method): tunelab.estimate(
        model, method, batch=8, length=128, device="cuda", precision="bfloat16"
    )
    for model in ("llama-3.2-1b", "llama-3.2-3b", "mistral-7b-v0.1")
    for method in ("full", "lora")
}
PARTS = list(next(iter(needed.values())).bytes)
bars = [
    {"way": f"{model}, {method}", "part": part, "GB": size / 1e9}
    for (model, method), one in needed.items()
    for part, size in one.bytes.items()
]
show(
    alt.Chart(pd.DataFrame(bars))
    .mark_bar()
    .encode(
        y=alt.Y("way:N", title=None, sort=[bar["way"] for bar in bars]),
        x=alt.X("GB:Q", title="GB of each part of a training step"),
        color=alt.Color("part:N", title=None, sort=PARTS),
    )
    .properties(width=560, height=220)
)
table(
    {
        "model": model,
        "method": method,
        "trained": one.trainable,
        "share in %": 100 * one.share,
        "peak": f"{one.peak / 1e9:.2f} GB",
    }
    for (model, method), one in needed.items()
)

# %%
peaks = {key: one.peak for key, one in needed.items()}
conclude(
    *(
        f"{model}: LoRA takes {peaks[model, 'lora'] / peaks[model, 'full']:.0%} of the memory of "
        f"full fine-tuning ({peaks[model, 'lora'] / 1e9:.2f} GB against "
        f"{peaks[model, 'full'] / 1e9:.2f} GB)."
        for model in dict.fromkeys(model for model, _ in peaks)
    )
)

# %% [markdown]
# ## Q2.8 Training, saving, checkpoints
#
# `tunelab.run` does everything that the study names, and keeps what is finished: run this cell
# again and nothing is repeated. A training that is killed goes on from its last checkpoint.

# %%
del base, instruct
run = tunelab.run(study, out=OUT)
trainings = run.trainings.set_index("name")
table(
    {
        "method": row.classifier,
        "trained": row.trainable_parameters,
        "learning rate": row.learning_rate,
        "steps": row.steps,
        "best step": row.best_step,
        "best loss": row.best_loss,
        "stopped early": row.stopped_early,
        "adapter in kB": row.adapter_bytes / 1000,
        "seconds": row.seconds,
    }
    for row in run.trainings.rename(columns={"name": "classifier"}).itertuples()
)


# %%
def figure(name):
    """A figure of the report, drawn from the run."""
    drawn = run.figure(name)
    if drawn is not None:
        display(SVG(drawn.svg))
        print(drawn.description)


figure("curves")

# %%
history = run.history
sentences = []
for name in trainings.index:
    log = history[history["name"] == name]
    validation = log[log["split"] == "validation"].dropna(subset=["loss"])
    first, last = validation.iloc[0], validation.iloc[-1]
    sentences.append(
        f"{name}: the validation loss went from {first['loss']:.3f} to {last['loss']:.3f}, "
        f"perplexity from {first['perplexity']:.2f} to {last['perplexity']:.2f}."
    )
conclude(*sentences)

# %% [markdown]
# An adapter is saved in PEFT's own format. Beside it lie the prompt that it was trained with and a
# model card.

# %%
for path in sorted((OUT / "adapters" / "lora").iterdir()):
    print(f"{path.name:<28}{path.stat().st_size:>12,} bytes")
card = (OUT / "adapters" / "lora" / "README.md").read_text(encoding="utf-8")
print("\n" + card.partition("\n# ")[0])

# %% [markdown]
# ## Q2.9 IA3 and soft prompts
#
# Four other ways to train few numbers. IA3 scales what is there; the soft prompts stand before
# every row as if they were words, and differ in where they act and in what makes them.

# %%
for method in ("ia3", "prompt_tuning", "prefix_tuning", "p_tuning"):
    explain(method)

# %%
for contrast in run.contrasts:
    display(Markdown("\n\n".join([f"### {contrast.title}", *contrast.paragraphs])))

# %% [markdown]
# All were trained on the same rows, each with its own learning rate. One epoch on few rows is
# little for a soft prompt, which begins slowly.

# %%
scores = run.scores.set_index("name")
scored = [
    {
        "method": name,
        "trained": training["trainable_parameters"],
        "merges into the weights": tunelab.explain(training["method"]).merges,
        "accuracy": scores.loc[name, "accuracy"],
        "low": scores.loc[name, "accuracy_low"],
        "high": scores.loc[name, "accuracy_high"],
    }
    for name, training in trainings.iterrows()
]
display(table(scored))
ranked = sorted(scored, key=lambda row: row["accuracy"], reverse=True)
first, second = ranked[0], ranked[1]
apart = second["high"] < first["low"]
conclude(
    f"{first['method']} has the highest accuracy ({first['accuracy']:.3f}), "
    f"{'as high as' if second['accuracy'] == first['accuracy'] else 'before'} {second['method']} "
    f"({second['accuracy']:.3f}); their intervals "
    f"{'do not overlap' if apart else 'overlap'}.",
    f"{min(scored, key=lambda row: row['trained'])['method']} trains the fewest numbers, "
    f"{max(scored, key=lambda row: row['trained'])['method']} the most.",
)

# %% [markdown]
# What did each cost? On the dashed line stands what no other method beats in both.

# %%
figure("trade_offs")

# %%
for contrast in run.contrasts:
    print(contrast.title)
    conclude(*contrast.numbers)

# %% [markdown]
# ## Q2.10 Evaluation
#
# Every model answered the same test rows. An answer is text, and the label has to be found in it;
# an answer without one counts as wrong.

# %%
predictions = run.predictions
for name in ("base", "instruct", "lora"):
    print(f"--- {name}")
    for row in predictions[predictions["name"] == name].head(4).itertuples():
        read = f"no label ({row.reason})" if pd.isna(row.predicted) else row.predicted
        print(f"  {row.text[:60]!r} | is {row.truth} | said {row.answer!r} | read as {read}")

# %%
table(
    {
        "model": name,
        "accuracy": row["accuracy"],
        "low": row["accuracy_low"],
        "high": row["accuracy_high"],
        "macro-F1": row["f1_macro"],
        "weighted F1": row["f1_weighted"],
        "by likeliest label": row["accuracy_scored"],
        "without a label": row["unparsed"],
    }
    for name, row in scores.iterrows()
)

# %%
figure("scores")

# %%
figure("confusion")

# %% [markdown]
# The decision says which classifier to take, and how sure that is. The findings are those of the
# report: the best model, each fine-tuned model against each that was not, tested on the same rows
# and corrected for the number of tests. What the rows do not decide is called undecided.

# %%
conclude(*run.decision.answer, *run.decision.notes)
conclude(*run.findings)

# %% [markdown]
# The same as a page that can be shown to others:

# %%
report = run.report
print(report.as_posix(), f"{report.stat().st_size / 1e6:.2f} MB")

# %% [markdown]
# ## Disclosure of the help used

# %%
print(study.disclosure)
print("This notebook's text and code were written with the help of a language model.")
