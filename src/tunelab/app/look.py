"""How the pages look: the theme, the style sheet, and the parts that every page has."""

from importlib.resources import files
from typing import Any

from tunelab.app.markup import tag

STYLE = (files("tunelab.app") / "style.css").read_text(encoding="utf-8")


def theme() -> Any:
    """Fonts of the machine, so that nothing is fetched, and colours with enough contrast."""
    import gradio as gr

    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "Segoe UI", "Vazirmatn", "Noto Sans", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "DejaVu Sans Mono", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_radius="10px",
        block_border_width="1px",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        link_text_color="*primary_800",
        link_text_color_dark="*primary_300",
    )


def heading(title: str, summary: str) -> None:
    """The page's title and a sentence on what it is for."""
    import gradio as gr

    gr.Navbar(main_page_name="Start")
    gr.HTML(tag("div", tag("h1", title), tag("p", summary), class_="tl-heading"), padding=False)
