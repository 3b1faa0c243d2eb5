"""The form of Fine-tune: its fields, in the order of :class:`tunelab.app.finetune.Form`."""

from typing import Any

import gradio as gr

from tunelab import registry
from tunelab.app.finetune import OWN, STARTER
from tunelab.app.names import model_choices
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import KINDS

_SYSTEM = "Classify the emotion of the text. Answer with one word from this list: {labels}."


def build_form(settings: AppSettings) -> tuple[list[Any], Any, Any, Any, Any]:
    """All fields; and the file, the choice of data, and the columns of text and label again."""
    models = model_choices(settings.models)
    first = settings.models[0] if settings.models else "smollm2-135m-instruct"
    gr.HTML("<h2>1. Data</h2>", padding=False)
    with gr.Row(elem_classes="tl-form"):
        with gr.Column():
            data = gr.Radio(
                [STARTER, OWN],
                value=STARTER,
                label="Data",
                info="The starter corpus: short English texts with one of six emotions.",
            )
            with gr.Row():
                text = gr.Dropdown([], label="Column of the texts")
                label = gr.Dropdown([], label="Column of the labels")
        file = gr.File(
            label=f"A file of my own: {', '.join(KINDS)}",
            file_types=list(KINDS),
            height=170,
            elem_id="file",
        )
    system = gr.Textbox(
        _SYSTEM,
        label="Instruction",
        info="What the model is asked; {labels} becomes the names of the labels.",
        max_length=4000,
        elem_id="system",
    )
    with gr.Row(elem_classes="tl-form"):
        train_rows = gr.Number(
            300, label="Training rows", info="0: all.", precision=0, minimum=0, elem_id="train-rows"
        )
        test_rows = gr.Number(
            90, label="Test rows", info="0: all.", precision=0, minimum=0, elem_id="test-rows"
        )
    gr.HTML("<h2>2. Model and method</h2>", padding=False)
    with gr.Row(elem_classes="tl-form"):
        model = gr.Dropdown(models, value=first, label="Model")
        method = gr.Dropdown(
            list(registry.METHODS),
            value="lora",
            label="Method",
            info="lora trains two thin matrices beside each layer.",
        )
        epochs = gr.Number(
            2, label="Epochs", info="Passes over the rows.", minimum=0.1, elem_id="epochs"
        )
    with gr.Accordion("More settings", open=False), gr.Row():
        batch = gr.Number(16, label="Batch", info="Rows of a step.", precision=0, minimum=1)
        rate = gr.Number(1e-3, label="Learning rate", minimum=0)
        rank = gr.Number(16, label="Rank", info="Of lora, rslora, dora.", precision=0, minimum=1)
        length = gr.Number(160, label="Tokens of a row at most", precision=0, minimum=8)
    beside = gr.Checkbox(
        True,
        elem_id="beside",
        label="Compare with the model before fine-tuning and with classical baselines",
        info="The report then says whether fine-tuning paid; it takes longer.",
    )
    gr.HTML("<h2>3. Start</h2>", padding=False)
    name = gr.Textbox(
        "my-first-run",
        label="Name of the run",
        info="Small letters, digits and hyphens; it names the folder.",
        max_length=60,
        elem_id="name",
    )
    fields = [name, data, file, text, label, system, train_rows, test_rows, model, method]
    return [*fields, epochs, batch, rate, rank, length, beside], file, data, text, label
