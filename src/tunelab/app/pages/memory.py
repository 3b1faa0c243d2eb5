"""Memory: choose a model and a method, and see where the bytes go."""

import gradio as gr

from tunelab import registry
from tunelab.app.failures import with_failures_shown
from tunelab.app.look import heading
from tunelab.app.memory import (
    DEVICES,
    OPTIMIZERS,
    PRECISIONS,
    WEIGHTS,
    known_models,
    look,
    this_memory,
)
from tunelab.app.settings import AppSettings

NAME, PATH = "Memory", "memory"
SUMMARY = "Estimate the memory of a training step, and see what fits on a device."


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""
    heading("Memory", SUMMARY)
    with gr.Row(elem_classes="tl-form"):
        model = gr.Dropdown(known_models(), value="llama-3.2-1b", label="Model")
        method = gr.Dropdown(list(registry.METHODS), value="lora", label="Method")
        device = gr.Dropdown(list(DEVICES), value="cpu", label="Device")
        memory = gr.Number(this_memory(), label="Memory of the device (GB)", minimum=0.1)
    with gr.Row(elem_classes="tl-form"):
        batch = gr.Number(16, label="Batch size", info="Rows per step.", precision=0, minimum=1)
        length = gr.Number(128, label="Length", info="Tokens per row.", precision=0, minimum=2)
        precision = gr.Dropdown(list(PRECISIONS), value="float32", label="Precision")
        weights = gr.Dropdown(list(WEIGHTS), value=WEIGHTS[0], label="Weights of the model")
    with gr.Row(elem_classes="tl-form"):
        optimizer = gr.Dropdown(list(OPTIMIZERS), value="adamw", label="Optimizer")
        checkpointing = gr.Checkbox(
            label="Gradient checkpointing",
            info="Recompute activations instead of keeping them: slower, with less memory.",
        )
    button = gr.Button("Estimate", variant="primary")
    message = gr.HTML(padding=False)
    bars = gr.HTML(elem_id="bars", padding=False)
    fits = gr.HTML(elem_id="fits", padding=False)
    gr.HTML(
        '<p class="tl-help">The numbers come from formulas for the training step of tunelab; no '
        "model is loaded. 1 GB is 10⁹ bytes, and 90 % of the memory of a device count as usable. "
        "The command <code>tunelab estimate --terms</code> shows every formula; with "
        "<code>--measure</code> it runs one step and measures it.</p>"
    )
    inputs = [
        *(model, method, batch, length, precision),
        *(weights, optimizer, checkpointing, device, memory),
    ]
    gr.on(
        [
            gr.context.Context.root_block.load,
            button.click,
            *(part.change for part in inputs),
        ],
        with_failures_shown(look, 2),
        inputs,
        [message, bars, fits],
        show_progress="hidden",
        trigger_mode="always_last",
        api_visibility="private",
    )
