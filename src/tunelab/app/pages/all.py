"""All pages as one Gradio app."""

import gradio as gr

from tunelab.app.pages import classify, compare, finetune, label, memory, start, studies, tokenize
from tunelab.app.settings import AppSettings

# Seconds that uploads and downloads stay.
_KEPT = 6 * 3600
PAGES = (tokenize, compare, classify, label, memory, finetune, studies)


def build_pages(settings: AppSettings) -> gr.Blocks:
    """The pages, each at an address of its own."""
    with gr.Blocks(title="tunelab", analytics_enabled=False, delete_cache=(3600, _KEPT)) as pages:
        start.build(PAGES)
    for page in PAGES:
        with pages.route(page.NAME, f"/{page.PATH}"):
            page.build(settings)
    return pages
