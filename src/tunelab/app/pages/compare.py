"""Compare: two models side by side."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from tunelab.app.compare import EXAMPLE, MOST_CHARACTERS, MOST_TOKENS, compare
from tunelab.app.downloads import first_models
from tunelab.app.look import heading
from tunelab.app.markup import text
from tunelab.app.names import model_choices
from tunelab.app.questions import build_question, shown_or_asked_stepwise, wire_question
from tunelab.app.settings import AppSettings

NAME, PATH = "Compare", "compare"
SUMMARY = "Send one prompt to two models, with or without their chat template."
_EXAMPLES = [
    EXAMPLE,
    "Write a haiku about rain.",
    "The capital of France is",
    "List three fruits, one per line.",
]


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""
    choices = model_choices(settings.models)
    left, right = first_models(settings.models)

    def run(
        left: str,
        left_template: bool,
        right: str,
        right_template: bool,
        *asked: Any,
    ) -> Iterator[tuple[str, str, str, str]]:
        sides = ((left, left_template), (right, right_template))
        for one, other in compare(settings, sides, *asked):
            yield one.text, text(one.note), other.text, text(other.note)

    def listed() -> list[Any]:
        fresh = model_choices(settings.models)
        return [gr.Dropdown(choices=fresh), gr.Dropdown(choices=fresh)]

    heading("Compare", SUMMARY)
    prompt = gr.Textbox(
        EXAMPLE,
        label="Prompt",
        lines=3,
        max_length=MOST_CHARACTERS,
        info="A base model continues the text; an instruction-tuned model answers it.",
        elem_id="prompt",
    )
    gr.Examples([[one] for one in _EXAMPLES], [prompt], label="Examples", api_visibility="private")
    with gr.Accordion("System prompt and settings", open=False):
        system = gr.Textbox("", label="System prompt", max_length=MOST_CHARACTERS, elem_id="system")
        with gr.Row():
            temperature = gr.Slider(
                0, 2, 0, step=0.1, label="Temperature", info="0: always the most likely token."
            )
            tokens = gr.Slider(8, MOST_TOKENS, 64, step=8, label="Longest answer (tokens)")
            seed = gr.Number(42, label="Seed", precision=0, minimum=0)
    with gr.Row():
        go = gr.Button("Compare", variant="primary")
        stop = gr.Button("Stop")
    question = build_question()
    with gr.Row():
        sides = [
            _side("Left", choices, left, settings),
            _side("Right", choices, right, settings),
        ]
    (left_model, left_template, *left_out), (right_model, right_template, *right_out) = sides
    wire_question(question, listed, [left_model, right_model])
    event = gr.on(
        [go.click, prompt.submit],
        shown_or_asked_stepwise(run, 4),
        [
            *(left_model, left_template, right_model, right_template),
            *(prompt, system, temperature, tokens, seed),
        ],
        [*question, *left_out, *right_out],
        show_progress="hidden",
        concurrency_limit=1,
        concurrency_id="model",
        api_visibility="private",
    )
    stop.click(None, cancels=[event], api_visibility="private")


def _side(title: str, choices: list[tuple[str, str]], chosen: str, settings: AppSettings) -> Any:
    """One column: the model, its template, what it writes, and a note below."""
    with gr.Column(min_width=280):
        model = gr.Dropdown(choices, value=chosen, label=f"{title}: model")
        template = gr.Checkbox(
            True,
            label=f"{title}: chat template",
            info="A base model has none and reads the prompt as plain text.",
        )
        answer = gr.Textbox(
            label=f"{title}: answer", lines=8, interactive=False, elem_id=title.lower()
        )
        note = gr.HTML(elem_classes="tl-note", padding=False)
    return model, template, answer, note
