"""The form of Fine-tune: its fields, in the order of :class:`tunelab.app.finetune.Form`."""

from typing import Any

import gradio as gr

from tunelab import registry
from tunelab.app.finetune import ANSWERS, OWN, RIVALS, ROWS, STARTER, WORDS, instruction
from tunelab.app.names import model_choices
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import KINDS


def build_form(settings: AppSettings) -> tuple[list[Any], Any, dict[str, Any]]:
    """All fields in order, the component for facts on the data, and the fields by name."""
    models = model_choices(settings.models)
    first = settings.models[0] if settings.models else "smollm2-135m-instruct"
    gr.HTML("<h2>1. Data</h2>", padding=False)
    with gr.Row(elem_classes="tl-form"):
        with gr.Column():
            data = gr.Radio(
                [STARTER, OWN],
                value=STARTER,
                label="Data",
                info="The starter corpus has short English texts, each with one of six emotions.",
            )
            with gr.Row():
                text = gr.Dropdown([], label="Column of the texts", elem_id="text-column")
                label = gr.Dropdown([], label="Column of the labels", elem_id="label-column")
        file = gr.File(label=f"My file ({', '.join(KINDS)})", height=170, elem_id="file")
    system = gr.Textbox(
        instruction(STARTER),
        label="Instruction",
        info="The model reads it before each text. {labels} is replaced by the names of the "
        "labels. Change it to say what the labels mean.",
        max_length=4000,
        elem_id="system",
    )
    known = gr.HTML(elem_id="data-facts", padding=False)
    train, test = ROWS[STARTER]
    with gr.Row(elem_classes="tl-form"):
        train_rows = gr.Number(
            train,
            label="Training rows",
            info="0 means all rows.",
            precision=0,
            minimum=0,
            elem_id="train-rows",
        )
        test_rows = gr.Number(
            test,
            label="Test rows",
            info="0 means all rows. Without a test file, 20 % of the rows are kept for the test.",
            precision=0,
            minimum=0,
            elem_id="test-rows",
        )
    gr.HTML("<h2>2. Model and method</h2>", padding=False)
    with gr.Row(elem_classes="tl-form"):
        model = gr.Dropdown(models, value=first, label="Model")
        method = gr.Dropdown(
            list(registry.METHODS),
            value="lora",
            label="Method",
            info="lora trains two small matrices per layer and keeps the model itself fixed.",
        )
        epochs = gr.Number(
            2,
            label="Epochs",
            info="How often all training rows are used.",
            minimum=0.1,
            elem_id="epochs",
        )
    answers = gr.Radio(
        list(ANSWERS),
        value=WORDS,
        label="Answers with",
        info="In words the model writes the label. A score for each label comes from a linear "
        "layer on the last token, which is trained with the method.",
        elem_id="answers",
    )
    with gr.Accordion("More settings", open=False), gr.Row():
        batch = gr.Number(
            16, label="Batch size", info="Rows per training step.", precision=0, minimum=1
        )
        rate = gr.Number(1e-3, label="Learning rate", minimum=0)
        rank = gr.Number(
            16, label="Rank", info="For lora, rslora and dora.", precision=0, minimum=1
        )
        length = gr.Number(
            160,
            label="Longest row",
            info="In tokens. Longer texts are cut at their end.",
            precision=0,
            minimum=8,
        )
    beside = gr.Checkbox(
        True,
        elem_id="beside",
        label="Compare with the model before fine-tuning and with classical baselines",
        info="The report then says whether fine-tuning was worth it. The run takes longer.",
    )
    rivals = gr.CheckboxGroup(
        list(RIVALS),
        value=[],
        elem_id="rivals",
        label="Compare with other classifiers",
        info="They are trained on the same rows and answer the same test rows.",
    )
    gr.HTML("<h2>3. Start</h2>", padding=False)
    name = gr.Textbox(
        "my-first-run",
        label="Name of the run",
        info="Small letters, digits and hyphens. The folder of the run gets this name.",
        max_length=60,
        elem_id="name",
    )
    fields = [name, data, file, text, label, system, train_rows, test_rows, model, method]
    named = {
        "file": file,
        "data": data,
        "text": text,
        "label": label,
        "system": system,
        "train_rows": train_rows,
        "test_rows": test_rows,
        "model": model,
    }
    return [*fields, epochs, batch, rate, rank, length, beside, answers, rivals], known, named
