"""The first page: a card for each other page."""

from collections.abc import Sequence
from types import ModuleType

import gradio as gr

from tunelab.app.look import heading
from tunelab.app.markup import tag


def build(pages: Sequence[ModuleType]) -> None:
    """A card for each page."""
    heading(
        "tunelab",
        "Fine-tune language models on labelled texts, and compare them with baselines.",
    )
    cards = [
        tag("li", tag("a", tag("strong", page.NAME), tag("span", page.SUMMARY), href=page.PATH))
        for page in pages
    ]
    gr.HTML(tag("ul", *cards, class_="tl-cards"))
