"""Show what a chat template makes of a conversation, and find its faults.

  tunelab template --model smollm2-135m-instruct
  tunelab template --model gemma-3-270m --template gemma --template chatml --user "Hello"

Rendered with each --template (default: the model's own, none, and a wrong one), token by token,
control tokens marked; then where each differs from the first, and what the lint finds.
Templates: own, none, chatml, gemma, llama-3, mistral, phi-3, phi-4-mini, or a .jinja file.
"""

import argparse
from typing import Any

from tunelab.cli.arguments import add_format
from tunelab.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab template`."""
    parser.add_argument("--model", required=True, metavar="NAME", help="whose tokenizer")
    parser.add_argument("--template", action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--system", default="Answer briefly.", metavar="TEXT", help="its text")
    parser.add_argument("--user", default="What is 2 + 2?", metavar="TEXT", help="the question")
    parser.add_argument("--show", action="store_true", help="print the Jinja text too")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Render, compare and check."""
    from tunelab.cli.tables import print_table
    from tunelab.models.loading import load_tokenizer
    from tunelab.prompts.template_catalog import choose_template, read_template
    from tunelab.prompts.template_lint import lint_template
    from tunelab.prompts.template_view import differences, draw_prompt, view_prompt

    given = list(arguments.template or [])
    for name in given:
        if name not in ("own", "none"):
            read_template(name)
    tokenizer = load_tokenizer(arguments.model)
    if not given:
        own = ["own"] if tokenizer.chat_template else []
        given = [*own, "none", "llama-3" if "llama" not in arguments.model else "chatml"]
    if "own" in given and not tokenizer.chat_template:
        raise UsageError(f"{arguments.model} brings no template; name one with --template.")
    messages = [{"role": "system", "content": arguments.system}] if arguments.system else []
    messages.append({"role": "user", "content": arguments.user})
    views = [view_prompt(tokenizer, messages, name) for name in given]
    rows: list[dict[str, Any]] = []
    whole = []
    for name, view in zip(given, views, strict=True):
        chosen = choose_template(tokenizer, name)
        findings = [] if name == "none" else lint_template(chosen)
        rows += [{"template": name, **one.to_dict()} for one in findings]
        whole.append(
            {
                **view.to_dict(),
                "jinja": chosen.chat_template,
                "findings": [one.to_dict() for one in findings],
                "differs_from_first": [
                    {"left": list(one.left), "right": list(one.right), "position": one.position}
                    for one in differences(views[0], view)
                ],
            }
        )
    if arguments.format == "table":
        from rich.console import Console
        from rich.text import Text

        console = Console(highlight=False)
        for number, (view, entry) in enumerate(zip(views, whole, strict=True)):
            if arguments.show and entry["jinja"]:
                console.print(entry["jinja"], markup=False)
            counted = f"{len(view.tokens)} tokens, {view.controls} of them control tokens"
            console.rule(Text(f"{view.name}: {counted}"))
            console.print(Text(view.error) if view.error else draw_prompt(view))
            for change in entry["differs_from_first"] if number else ():
                left, right = "".join(change["left"]), "".join(change["right"])
                console.print(
                    f"  at token {change['position']}: {left!r} → {right!r}", markup=False
                )
    title = "What the lint finds" if rows else ""
    if rows or arguments.format != "table":
        print_table(rows, arguments.format, title=title, value=whole)
    return 0
