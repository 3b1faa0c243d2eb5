"""Fine-tune: choose data and a method, see the training tokens, start, watch, stop, continue."""

from typing import Any

import gradio as gr

from tunelab.app import job
from tunelab.app.data_view import draw_instruction, draw_labels, draw_upload
from tunelab.app.finetune import (
    OWN,
    ROWS,
    STARTER,
    Form,
    begin,
    instruction,
    preview,
    starter_counts,
)
from tunelab.app.look import heading
from tunelab.app.markup import join, notice
from tunelab.app.names import model_choices, run_folder, run_names
from tunelab.app.pages.finetune_form import build_form
from tunelab.app.questions import build_question, shown_or_asked, wire_question
from tunelab.app.settings import AppSettings
from tunelab.app.training_view import draw_checks, draw_masks, draw_run
from tunelab.app.uploads import Labels, accept, count_labels, look_at
from tunelab.errors import TunelabError

NAME, PATH = "Fine-tune", "fine-tune"
SUMMARY = "Train a model on your own labelled texts, follow its progress and open the report."
# Seconds between two looks at a run.
_EVERY = 2.0


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""
    runs = settings.runs

    def uploaded(path: str | None, system: str) -> list[Any]:
        """The choice of data, its columns, the numbers of rows, the instruction and the facts."""
        if path is None:
            empty = gr.Dropdown(choices=[], value=None)
            return [STARTER, empty, empty, *on_data_change(STARTER, None, None, None, system)]
        try:
            file = accept(path, settings.scratch, settings.max_upload)
            found = look_at(file, labelled=True)
        except TunelabError as error:
            # The user wants this file and no other data, so nothing can be started yet.
            empty = gr.Dropdown(choices=[], value=None)
            return [OWN, empty, empty, *ROWS[OWN], system, notice(str(error))]
        names, proposal = list(found.columns), found.proposal
        return [
            OWN,
            gr.Dropdown(choices=names, value=proposal.text),
            gr.Dropdown(choices=names, value=proposal.label),
            *on_data_change(OWN, path, proposal.text, proposal.label, system),
        ]

    def on_data_change(
        data: str, path: str | None, text: str | None, label: str | None, system: str
    ) -> list[Any]:
        """The numbers of rows, the instruction and the facts for the chosen data."""
        # An instruction that the user wrote stays.
        if system in (instruction(STARTER), instruction(OWN)):
            system = instruction(data)
        train, test = ROWS[data]
        return [train, test, system, facts(data, path, text, label, system)]

    def facts(data: str, path: str | None, text: str | None, label: str | None, system: str) -> str:
        """Rows, columns, labels and the instruction as the model reads it."""
        if data == STARTER:
            counts = starter_counts()
            return join(
                [draw_labels("label", Labels(counts)), draw_instruction(system, list(counts))]
            )
        if path is None:
            return notice("Upload a file with a text and a label in each row.", "note")
        file = accept(path, settings.scratch, settings.max_upload)
        found = look_at(file, labelled=True)
        drawn = [draw_upload(file.name, found)]
        if text in found.columns and label in found.columns:
            try:
                labels = count_labels(file, text, label)
            except TunelabError as error:
                # Told beside the columns, where another one can be chosen.
                return join([*drawn, notice(str(error))])
            drawn += [draw_labels(label, labels), draw_instruction(system, sorted(labels.counts))]
        return join(drawn)

    def look(*given: Any) -> str:
        try:
            return facts(*given)
        except TunelabError as error:
            return notice(str(error))

    def check(*given: Any) -> tuple[str, str]:
        values, view = preview(settings, Form(*given))
        return draw_checks(values, view), draw_masks(view)

    def start(*given: Any) -> list[Any]:
        name = begin(settings, Form(*given))
        return [gr.Dropdown(choices=job.own_runs(runs), value=name), *watch(name)]

    def watch(name: str | None) -> list[Any]:
        """The view of a run, which buttons there are, and whether to look again."""
        if name not in run_names(runs):
            return ["", gr.Button(visible=False), gr.Button(visible=False), gr.Timer(active=False)]
        folder = run_folder(runs, name)
        state = job.state(folder)
        at_work = state in ("running", "stopping")
        return [
            draw_run(folder),
            gr.Button("Stop" if state == "running" else "Stop at once", visible=at_work),
            gr.Button(visible=state in ("stopped", "failed")),
            gr.Timer(active=at_work),
        ]

    def listed() -> list[Any]:
        return [gr.Dropdown(choices=model_choices(settings.models))]

    def find() -> list[Any]:
        names = job.own_runs(runs)
        newest = names[0] if names else None
        return [gr.Dropdown(choices=names, value=newest), *watch(newest)]

    def end(name: str) -> list[Any]:
        job.stop(run_folder(runs, name))
        return watch(name)

    def go_on(name: str) -> list[Any]:
        job.start(runs, run_folder(runs, name))
        return watch(name)

    heading("Fine-tune", SUMMARY)
    form, known, fields = build_form(settings)
    file, data, text, label = fields["file"], fields["data"], fields["text"], fields["label"]
    system, rows = fields["system"], [fields["train_rows"], fields["test_rows"]]
    with gr.Row():
        inspect = gr.Button("Check the data")
        go = gr.Button("Start", variant="primary", elem_id="start")
    question = build_question()
    checks, masks = (
        gr.HTML(elem_id="checks", padding=False),
        gr.HTML(elem_id="masks", padding=False),
    )
    gr.HTML("<h2>Runs</h2>", padding=False)
    name = gr.Dropdown(
        [],
        label="Run",
        info="A run continues when you close this page. Open the page again to see it.",
    )
    with gr.Row():
        halt = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
        further = gr.Button("Continue", visible=False, elem_id="go-on")
    shown = gr.HTML(elem_id="run", padding=False)
    timer = gr.Timer(_EVERY, active=False)
    view = [shown, halt, further, timer]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    suited = [*rows, system, known]
    about = [data, file, text, label, system]
    file.change(
        shown_or_asked(uploaded, 7),
        [file, system],
        [*question, data, text, label, *suited],
        **quiet,
    )
    data.input(shown_or_asked(on_data_change, 4), about, [*question, *suited], **quiet)
    for part in (text.input, label.input, system.change):
        part(look, about, [known], trigger_mode="always_last", **quiet)
    private: dict[str, Any] = {"api_visibility": "private"}
    inspect.click(shown_or_asked(check, 2), form, [*question, checks, masks], **private)
    go.click(shown_or_asked(start, 5), form, [*question, name, *view], **private)
    halt.click(shown_or_asked(end, 4), [name], [*question, *view], **quiet)
    further.click(shown_or_asked(go_on, 4), [name], [*question, *view], **quiet)
    name.input(shown_or_asked(watch, 4), [name], [*question, *view], **quiet)
    wire_question(question, listed, [fields["model"]])
    # Its message would take away the one of a button.
    timer.tick(watch, [name], view, **quiet)
    gr.context.Context.root_block.load(find, outputs=[name, *view], **quiet)
    gr.context.Context.root_block.load(look, about, [known], **quiet)
