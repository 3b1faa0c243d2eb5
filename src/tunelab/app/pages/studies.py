"""Studies: finished runs, their scores and their reports."""

import gradio as gr

from tunelab.app.failures import with_failures_shown
from tunelab.app.look import heading
from tunelab.app.names import run_names
from tunelab.app.settings import AppSettings
from tunelab.app.studies import details, overview

NAME, PATH = "Studies", "studies"
SUMMARY = "See your runs: scores with intervals, claims and the full report."


def build(settings: AppSettings) -> None:
    """Lay the page out and wire it."""

    def refresh() -> tuple[str, gr.Dropdown]:
        names = run_names(settings.runs)
        return overview(settings.runs), gr.Dropdown(choices=names, value=None)

    def look(name: str | None) -> tuple[str]:
        return (details(settings.runs, name) if name else "",)

    heading("Studies", SUMMARY)
    runs = gr.HTML(elem_id="runs", padding=False)
    with gr.Row(elem_classes="tl-form"):
        name = gr.Dropdown([], label="Run", info="Choose a run to see its scores.", scale=3)
        again = gr.Button("Refresh", scale=1)
    message = gr.HTML(padding=False)
    shown = gr.HTML(elem_id="scores", padding=False)
    gr.on(
        [gr.context.Context.root_block.load, again.click],
        refresh,
        outputs=[runs, name],
        api_visibility="private",
    )
    name.change(with_failures_shown(look, 1), [name], [message, shown], api_visibility="private")
