"""Fine-tune: choose data and a method, look at the masks, start, watch, stop, go on."""

from typing import Any

import gradio as gr

from tunelab.app import job
from tunelab.app.failures import told
from tunelab.app.finetune import OWN, STARTER, Form, begin, preview
from tunelab.app.look import heading
from tunelab.app.names import run_folder, run_names
from tunelab.app.pages.finetune_form import build_form
from tunelab.app.settings import AppSettings
from tunelab.app.training_view import draw_checks, draw_masks, draw_run
from tunelab.app.uploads import accept, columns

NAME, PATH = "Fine-tune", "fine-tune"
SUMMARY = "Train a model on your own labelled text, watch it learn, and open the report."
# Seconds between two looks at a run.
_EVERY = 2.0


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""
    runs = settings.runs

    def uploaded(path: str | None) -> tuple[Any, Any, Any]:
        if path is None:
            empty = gr.Dropdown(choices=[], value=None)
            return STARTER, empty, empty
        file = accept(path, settings.scratch, settings.max_upload)
        names = columns(file, labelled=True)
        text = "text" if "text" in names else names[0]
        label = "label" if "label" in names else names[-1]
        return OWN, gr.Dropdown(choices=names, value=text), gr.Dropdown(choices=names, value=label)

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

    def find() -> list[Any]:
        names = job.own_runs(runs)
        chosen = names[0] if names else None
        return [gr.Dropdown(choices=names, value=chosen), *watch(chosen)]

    def end(name: str) -> list[Any]:
        job.stop(run_folder(runs, name))
        return watch(name)

    def go_on(name: str) -> list[Any]:
        job.start(runs, run_folder(runs, name))
        return watch(name)

    heading("Fine-tune", SUMMARY)
    form, file, data, text, label = build_form(settings)
    with gr.Row():
        look = gr.Button("Check the data and see the masks")
        go = gr.Button("Start", variant="primary", elem_id="start")
    message = gr.HTML(elem_id="message", padding=False)
    checks, masks = (
        gr.HTML(elem_id="checks", padding=False),
        gr.HTML(elem_id="masks", padding=False),
    )
    gr.HTML("<h2>Runs</h2>", padding=False)
    name = gr.Dropdown(
        [],
        label="Run",
        info="It goes on when this page is closed, and is found again when it is opened.",
    )
    with gr.Row():
        halt = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
        further = gr.Button("Go on", visible=False, elem_id="go-on")
    shown = gr.HTML(elem_id="run", padding=False)
    timer = gr.Timer(_EVERY, active=False)
    view = [shown, halt, further, timer]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    file.change(told(uploaded, 3), [file], [message, data, text, label], **quiet)
    look.click(told(check, 2), form, [message, checks, masks], api_visibility="private")
    go.click(told(start, 5), form, [message, name, *view], api_visibility="private")
    halt.click(told(end, 4), [name], [message, *view], **quiet)
    further.click(told(go_on, 4), [name], [message, *view], **quiet)
    name.input(told(watch, 4), [name], [message, *view], **quiet)
    # Its message would take away the one of a button.
    timer.tick(watch, [name], view, **quiet)
    gr.context.Context.root_block.load(find, outputs=[name, *view], **quiet)
