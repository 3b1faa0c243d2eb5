"""Classify: one text or a file, with the classifiers of finished runs."""

from typing import Any

import gradio as gr

from tunelab.app.classify import EXAMPLE, MOST_CHARACTERS, MOST_ROWS, label_file, label_text
from tunelab.app.look import heading
from tunelab.app.names import classifier_names
from tunelab.app.questions import build_question, shown_or_asked, wire_question
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import KINDS, accept, look_at
from tunelab.errors import UsageError

NAME, PATH = "Classify", "classify"
SUMMARY = "Label a text or a file with the models that you fine-tuned."


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""

    def refresh() -> gr.Dropdown:
        names = classifier_names(settings.runs)
        return gr.Dropdown(choices=names, value=names[:1])

    def look(path: str | None) -> tuple[gr.Dropdown]:
        if path is None:
            return (gr.Dropdown(choices=[], value=None),)
        file = accept(path, settings.scratch, settings.max_upload)
        found = look_at(file, labelled=False)
        names = list(found.columns)
        return (gr.Dropdown(choices=names, value=found.proposal.text or names[0]),)

    def one(text: str, names: list[str], untuned: bool) -> tuple[str]:
        return (label_text(settings, text, names, untuned),)

    def many(path: str | None, column: str | None, names: list[str], untuned: bool) -> Any:
        file = accept(path, settings.scratch, settings.max_upload)
        if not column:
            raise UsageError("choose the column of the texts.")
        shown, labelled = label_file(settings, file, column, names, untuned)
        return shown, gr.DownloadButton(value=str(labelled), visible=True)

    heading("Classify", SUMMARY)
    with gr.Row(elem_classes="tl-form"):
        adapters = gr.Dropdown(
            [],
            multiselect=True,
            label="Classifiers",
            info="Trained by your runs. Each model gets the prompt that it was trained with.",
            scale=3,
        )
        untuned = gr.Checkbox(
            label="Compare with the model before fine-tuning",
            info="The base model of the first classifier, if it has one, with the same prompt.",
            scale=2,
        )
    question = build_question()
    with gr.Tabs():
        with gr.Tab("A text"):
            text = gr.Textbox(
                EXAMPLE, label="Text", lines=3, max_length=MOST_CHARACTERS, elem_id="text"
            )
            go = gr.Button("Classify", variant="primary")
            bars = gr.HTML(elem_id="labels", padding=False)
        with gr.Tab("A file"):
            with gr.Row(elem_classes="tl-form"):
                file = gr.File(elem_id="file", label=f"File ({', '.join(KINDS)})", height=170)
                column = gr.Dropdown(
                    [],
                    label="Column of the texts",
                    info=f"Up to {MOST_ROWS:,} rows. The command tunelab predict takes any number.",
                )
            go_file = gr.Button("Label the file", variant="primary")
            table = gr.HTML(elem_id="labelled", padding=False)
            download = gr.DownloadButton("Download the labelled file (CSV)", visible=False)
    model: dict[str, Any] = {
        "concurrency_limit": 1,
        "concurrency_id": "model",
        "api_visibility": "private",
    }
    gr.context.Context.root_block.load(refresh, outputs=[adapters], api_visibility="private")
    file.change(shown_or_asked(look, 1), [file], [*question, column], api_visibility="private")
    gr.on(
        [go.click, text.submit],
        shown_or_asked(one, 1),
        [text, adapters, untuned],
        [*question, bars],
        **model,
    )
    go_file.click(
        shown_or_asked(many, 2),
        [file, column, adapters, untuned],
        [*question, table, download],
        **model,
    )
    wire_question(question, list, [])
