"""Label: people label the rows that help most first."""

from typing import Any

import gradio as gr

from tunelab.app.failures import describe, unchanged, with_failures_shown
from tunelab.app.labelling import (
    WHICH,
    answer,
    draw_labels,
    draw_next,
    lease_in_words,
    start,
    write_labels,
)
from tunelab.app.look import heading
from tunelab.app.markup import Markup, notice
from tunelab.app.names import classifier_names, project_names
from tunelab.app.questions import build_question, shown_or_asked, wire_question
from tunelab.app.settings import AppSettings
from tunelab.app.uploads import KINDS, accept, look_at
from tunelab.errors import UsageError
from tunelab.labelling.project import check_person

NAME, PATH = "Label", "label"
SUMMARY = "Label the rows that help most first, alone or with others at the same time."
# What the browser keeps, so that a reload goes on: a name, a project and which rows; no secrets.
_STORAGE = "tunelab-labelling"
# A press of a button or of its key sends the row that the button stands beside.
_SEND = """
const send = (button) => {
  if (button) trigger('click', {...button.parentElement.dataset, ...button.dataset});
};
element.addEventListener('click', (event) => send(event.target.closest('button[data-choice]')));
document.addEventListener('keydown', (event) => {
  if (!element.isConnected || event.repeat) return;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest('input, textarea, select, [contenteditable=true]')) return;
  const place = /^(?:Digit|Numpad)([1-9])$/.exec(event.code) || /^Key([A-Z])$/.exec(event.code);
  const keys = [event.key.toLowerCase(), place ? place[1].toLowerCase() : ''];
  const buttons = [...element.querySelectorAll('button[data-key]')];
  const button = keys.map((key) => buttons.find((one) => one.dataset.key === key)).find(Boolean);
  if (button) { event.preventDefault(); send(button); }
});
"""


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""

    def opened(kept: Any) -> list[Any]:
        """The lists, and the row of the person that this browser knows."""
        values = kept if isinstance(kept, dict) else {}
        projects, classifiers = project_names(settings.labels), classifier_names(settings.runs)
        project = values.get("project")
        which = str(values.get("which"))
        who = values.get("who")
        who = who if isinstance(who, str) else ""
        project = project if project in projects else (projects[0] if projects else None)
        which = which if which in WHICH else "new"
        shown = [Markup(""), Markup("")]
        if who and project and values.get("project") == project:
            shown = show(who, project, which)
        return [
            # A name that is being typed meanwhile stays.
            gr.Textbox(value=who) if who else gr.skip(),
            gr.Dropdown(choices=projects, value=project),
            gr.Dropdown(value=which),
            gr.Dropdown(choices=classifiers, value=classifiers[0] if classifiers else None),
            *shown,
        ]

    def show(who: str, project: str | None, which: str) -> list[Any]:
        """The message and the row."""
        try:
            return [Markup(""), _next(who, project, which)]
        except Exception as error:
            return [describe(error), Markup("")]

    def _next(who: str, project: str | None, which: str) -> Markup:
        check_person(who)
        if not project:
            raise UsageError("start a labelling project first.")
        return draw_next(settings, project, check_person(who), which)

    def go(who: str, project: str | None, which: str) -> list[Any]:
        return [*show(who, project, which), {"who": who, "project": project, "which": which}]

    def chosen(who: str, project: str, which: str, event: gr.EventData) -> list[Any]:
        """Keep what was chosen, and show the next row; a failure leaves the row as it is."""
        try:
            data = event._data if isinstance(event._data, dict) else {}
            if (data.get("project"), data.get("who")) != (project, check_person(who)):
                raise UsageError(
                    "the row below is of another project or name; press Start labelling."
                )
            answer(settings, project, check_person(who), data.get("row"), data.get("choice"))
            return [Markup(""), _next(who, project, which)]
        except Exception as error:
            return [describe(error), *unchanged(1)]

    def look(path: str | None) -> list[Any]:
        if path is None:
            return [gr.Dropdown(choices=[], value=None), gr.Dropdown(choices=[], value=None)]
        file = accept(path, settings.scratch, settings.max_upload)
        found = look_at(file, labelled=False)
        names = list(found.columns)
        return [
            gr.Dropdown(choices=names, value=found.proposal.text or names[0]),
            gr.Dropdown(choices=[("none", ""), *names], value=""),
        ]

    def begin(
        name: str, path: str | None, text: str | None, label: str | None, classifier: str
    ) -> list[Any]:
        file = accept(path, settings.scratch, settings.max_upload)
        if not text:
            raise UsageError("choose the column of the texts.")
        made = start(settings, name, file, text, label, classifier)
        done = notice(f"The labelling project {made} is there. Write your name, and start.", "done")
        return [gr.Dropdown(choices=project_names(settings.labels), value=made), done]

    def summed(project: str | None) -> list[Any]:
        if not project:
            raise UsageError("choose a labelling project.")
        return [draw_labels(settings, project)]

    def save(project: str | None) -> list[Any]:
        if not project:
            raise UsageError("choose a labelling project.")
        table, told = write_labels(settings, project, "csv")
        lines, _ = write_labels(settings, project, "jsonl")
        return [
            notice(told, "done"),
            gr.DownloadButton(value=str(table), visible=True),
            gr.DownloadButton(value=str(lines), visible=True),
        ]

    heading(NAME, SUMMARY)
    kept = gr.BrowserState(None, storage_key=_STORAGE, secret=_STORAGE)
    with gr.Row(elem_classes="tl-form"):
        who = gr.Textbox(
            label="Your name", max_length=60, elem_id="who", info="It is saved with your labels."
        )
        project = gr.Dropdown([], label="Labelling project", elem_id="project")
        which = gr.Dropdown(
            [(words, key) for key, words in WHICH.items()],
            value="new",
            label="Rows",
            info=f"A row is yours for {lease_in_words()}; nobody else gets it meanwhile.",
            elem_id="which",
        )
    go_on = gr.Button("Start labelling", variant="primary")
    message = gr.HTML(elem_id="said", padding=False)
    card = gr.HTML(elem_id="row", padding=False, js_on_load=_SEND)
    with gr.Accordion("Labels so far", open=False):
        with gr.Row():
            refresh = gr.Button("Show agreement and what more labels bring")
            write = gr.Button("Write the labels to a file")
        labels_message = gr.HTML(padding=False)
        told = gr.HTML(elem_id="told", padding=False)
        sums = gr.HTML(elem_id="sums", padding=False)
        as_csv = gr.DownloadButton("Download the labels (CSV)", visible=False)
        as_jsonl = gr.DownloadButton("Download the labels (JSONL)", visible=False)
    with gr.Accordion("New labelling project", open=False):
        with gr.Row(elem_classes="tl-form"):
            file = gr.File(elem_id="file", label=f"File ({', '.join(KINDS)})", height=170)
            with gr.Column():
                name = gr.Textbox(label="Name of the project", elem_id="name", max_length=41)
                text = gr.Dropdown([], label="Column of the texts", elem_id="text-column")
                label = gr.Dropdown(
                    [],
                    label="Column of the labels, if some rows have one",
                    info="Rows whose label is in doubt are asked again.",
                    elem_id="label-column",
                )
                classifier = gr.Dropdown(
                    [],
                    label="Classifier",
                    info="You choose among its labels; rows that it is unsure of come first.",
                    elem_id="classifier",
                )
        make = gr.Button("Start the project")
        question = build_question()
    private: dict[str, Any] = {"api_visibility": "private"}
    gr.context.Context.root_block.load(
        opened, [kept], [who, project, which, classifier, message, card], **private
    )
    gr.on(
        [go_on.click, who.submit, project.input, which.input],
        go,
        [who, project, which],
        [message, card, kept],
        **private,
    )
    card.click(chosen, [who, project, which], [message, card], show_progress="hidden", **private)
    file.change(shown_or_asked(look, 2), [file], [*question, text, label], **private)
    make.click(
        shown_or_asked(begin, 2),
        [name, file, text, label, classifier],
        [*question, project, message],
        concurrency_limit=1,
        concurrency_id="model",
        **private,
    )
    refresh.click(with_failures_shown(summed, 1), [project], [labels_message, sums], **private)
    write.click(
        with_failures_shown(save, 3), [project], [labels_message, told, as_csv, as_jsonl], **private
    )
    wire_question(question, list, [])
