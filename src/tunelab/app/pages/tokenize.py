"""Tokenize: type a text and see the pieces."""

from typing import Any

import gradio as gr

from tunelab.app.look import heading
from tunelab.app.questions import build_question, shown_or_asked, wire_question
from tunelab.app.settings import AppSettings
from tunelab.app.tokenize import (
    EXAMPLE,
    MOST_CHARACTERS,
    default_tokenizers,
    tokenize,
    tokenizer_choices,
)

NAME, PATH = "Tokenize", "tokenize"
SUMMARY = "See how tokenizers split a text in any script, and how many tokens it takes."
_EXAMPLES = [
    EXAMPLE,
    "The quick brown fox jumps over the lazy dog.",
    "def f(x):\n    return x**2 + 1",
    "Fußballweltmeisterschaft 🏆 東京",
]


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""

    def run(text: str, names: list[str]) -> Any:
        return tokenize(text, names, settings.models)

    def choices() -> gr.CheckboxGroup:
        return gr.CheckboxGroup(choices=tokenizer_choices(settings.models))

    heading("Tokenize", SUMMARY)
    with gr.Row(elem_classes="tl-form"):
        text = gr.Textbox(
            EXAMPLE,
            label="Text",
            info=f"Up to {MOST_CHARACTERS:,} characters.",
            lines=4,
            max_length=MOST_CHARACTERS + 1,
            elem_id="text",
            scale=3,
        )
        names = gr.CheckboxGroup(
            tokenizer_choices(settings.models),
            value=default_tokenizers(settings.models),
            label="Tokenizers",
            info="A download starts only after you confirm it.",
            elem_id="tokenizers",
            scale=2,
        )
    button = gr.Button("Tokenize", variant="primary")
    gr.Examples([[one] for one in _EXAMPLES], [text], label="Examples", api_visibility="private")
    question = build_question()
    pieces = gr.HTML(elem_id="pieces", padding=False)
    measures = gr.HTML(elem_id="measures", padding=False)
    gr.HTML(
        '<p class="tl-help">Each coloured piece is one token. A middle dot (·) stands for a space, '
        "and an invisible character is shown by its Unicode code point. Grey pieces are single "
        "bytes; blue pieces are control tokens that the tokenizer adds. A control token that you "
        "type is treated as text.</p>"
    )
    for event in (button.click, text.submit):
        event(
            shown_or_asked(run, 2),
            [text, names],
            [*question, pieces, measures],
            api_visibility="private",
        )
    wire_question(question, lambda: [choices()], [names])
    # A page that is opened later lists what was downloaded meanwhile.
    gr.context.Context.root_block.load(choices, outputs=[names], api_visibility="private")
