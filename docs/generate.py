"""Write the reference pages from the code: the study file, the command line, the methods.

python docs/generate.py writes them; with --check it says which are not current, and fails.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab import registry
from tunelab.cli.main import VERBS, make_parser
from tunelab.config import Generation, Study, to_dict
from tunelab.evaluation.metrics import find_metric
from tunelab.evaluation.metrics.training_numbers import TRAINING_NUMBERS
from tunelab.methods.contract import find_method
from tunelab.methods.contrasts import CONTRASTS
from tunelab.report.drawings import draw_method
from tunelab.study.opening import preset_names

PAGES = Path(__file__).parent / "pages" / "reference"
_NOTE = "<!-- Written by docs/generate.py; change the code and run it again. -->"


def main(words: Sequence[str]) -> int:
    """Write the pages, or with --check compare them; return the exit code."""
    stale = []
    for name, write in GENERATED.items():
        path, text = PAGES / f"{name}.md", write()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if "--check" not in words:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in words:
        print(f"not current: {', '.join(stale)}; run python docs/generate.py.", file=sys.stderr)
        return 1
    return 0


def study_page() -> str:
    """Every key of a study file: its type, its default, and what it decides."""
    schema = Study.model_json_schema()
    lines = [
        "# The study file",
        _NOTE,
        "",
        "A study is a YAML file, and every key in it acts. A key that is left out has the default "
        "below; a key that is not known ends the study at once, with the near matches. Any key "
        "can be set behind the study on the command line, as in `training.epochs=1` or "
        "`methods.0.r=8`.",
        "",
        f"The presets are {', '.join(f'`{name}`' for name in preset_names())}.",
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *_keys(schema, schema["properties"], "", plain=True),
    ]
    for name, part in schema["properties"].items():
        section = _section(schema, part)
        if section is None:
            continue
        many = "array" in _types(part)
        lines += [
            "",
            f"## {name}",
            "",
            _first_line(section["description"]),
            "",
            "| key | type | default | meaning |",
            "| --- | --- | --- | --- |",
            *_keys(schema, section["properties"], f"{name}.N." if many else f"{name}."),
        ]
    lines += [
        "",
        "The settings of each method stand beside these keys; they are listed with the "
        "[methods](methods.md).",
    ]
    return "\n".join(lines) + "\n"


def command_page() -> str:
    """Every verb with its arguments."""
    lines = [
        "# The command line",
        _NOTE,
        "",
        "`tunelab VERB [STUDY] [key=value ...] [options]`",
        "",
        "Results go to standard output, progress to standard error. The exit code is 0 when it is "
        "done, 1 when a run failed and 2 when the call was wrong; an error is one sentence that "
        "says what to change.",
        "",
        "| verb | what it does |",
        "| --- | --- |",
        *(f"| [`{verb}`](#{verb}) | {_cell(text)} |" for verb, text in VERBS.items()),
    ]
    for verb in VERBS:
        parser = make_parser(verb)
        lines += ["", f"## {verb}", "", *_described(str(parser.description)), ""]
        lines += [f"`{_usage(parser)}`", ""]
        lines += ["| argument | meaning |", "| --- | --- |", *_arguments(parser)]
    return "\n".join(lines) + "\n"


def methods_page() -> str:
    """How each method works, as its own file says, and its settings."""
    lines = [
        "# How the methods work",
        _NOTE,
        "",
        "Each method is one file of `tunelab.methods`; what stands here is what that file says of "
        "itself. A study lists them under `methods`, and all are trained and asked on the same "
        "rows.",
    ]
    for name in registry.METHODS:
        method = find_method(name)
        title, _, body = method.explanation.strip().partition("\n")
        lines += ["", f"## {name}", "", f"**{title}**", "", _drawing(name), "", _prose(body), ""]
        rate = method.learning_rate
        lines += [
            f"Learning rate: {rate if rate is not None else 'the one of the study'}. "
            f"Merged into the weights by `tunelab export`: {'yes' if method.merge else 'no'}.",
            "",
        ]
        fields = method.Settings.model_json_schema().get("properties", {})
        if fields:
            lines += [
                "| setting | type | default | meaning |",
                "| --- | --- | --- | --- |",
                *_keys({}, fields, ""),
            ]
        else:
            lines += ["It has no settings of its own."]
    for contrast in CONTRASTS:
        lines += ["", f"## {contrast.title}"]
        for paragraph in contrast.paragraphs:
            lines += ["", paragraph]
        lines += ["", *(part for name in contrast.methods for part in (_drawing(name), ""))]
        lines += ["The report of a study that trains them sets its own numbers beside this text."]
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every metric of answers that tunelab has, and the numbers of trainings."""
    lines = [
        "# Metrics",
        _NOTE,
        "",
        "Metrics of answers stand in `results.parquet` and in the reports; claims and goals of "
        "sweeps name them by the name in the first column. The headline metrics are those of the "
        "first tables, and all models are compared in them. Installed packages can bring more: "
        "see [Add a metric](../add-a-metric.md).",
        "",
        "| name | title | what it measures | reads | best |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in registry.METRICS:
        metric = find_metric(name)
        title = f"**{metric.title}** (headline)" if metric.headline else metric.title
        lines.append(
            f"| `{name}` | {title} | {_cell(metric.description)} | {metric.reads} | {metric.best} |"
        )
    lines += ["", "Claims can also name these numbers of trainings:", ""]
    lines += ["| name | what it measures |", "| --- | --- |"]
    lines += [f"| `{name}` | {_cell(one.description)} |" for name, one in TRAINING_NUMBERS.items()]
    return "\n".join(lines) + "\n"


GENERATED: Mapping[str, Callable[[], str]] = {
    "study-file": study_page,
    "command-line": command_page,
    "methods": methods_page,
    "metrics": metrics_page,
}


def _keys(
    schema: Mapping[str, Any], fields: Mapping[str, Any], stem: str, *, plain: bool = False
) -> Iterator[str]:
    """A row for each key; with ``plain`` those that are sections of their own are left out."""
    for name, part in fields.items():
        section = _section(schema, part)
        if section is not None and not plain and "array" not in _types(part):
            yield from _keys(schema, section["properties"], f"{stem}{name}.")
        elif section is None or not plain:
            default = _default(part["default"]) if "default" in part else _made(f"{stem}{name}")
            text = _cell(part.get("description", ""))
            yield f"| `{stem}{name}` | {_type(schema, part)} | {default} | {text} |"


def _section(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Any:
    """The keys that a key holds, or None where it holds a value."""
    for one in (part, part.get("items", {}), *part.get("anyOf", [])):
        if "$ref" in one:
            found = schema["$defs"][one["$ref"].rsplit("/", 1)[-1]]
            return found if "properties" in found else None
    return None


def _types(part: Mapping[str, Any]) -> set[str]:
    return {str(one.get("type")) for one in (part, *part.get("anyOf", []))}


def _type(schema: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_type(schema, one) for one in part["anyOf"]))
    if "enum" in part:
        return " or ".join(f"`{value}`" for value in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "$ref" in part:
        return "keys and values"
    if part.get("type") == "array":
        return f"list of {_type(schema, part.get('items', {}))}"
    words = {"string": "text", "integer": "whole number", "null": "null", "boolean": "true, false"}
    found = words.get(str(part.get("type")), str(part.get("type", "value")))
    return found + _bounds(part)


def _bounds(part: Mapping[str, Any]) -> str:
    named = (
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    )
    found = [f"{word} {part[key]:g}" for key, word in named if key in part]
    return f", {' and '.join(found)}" if found else ""


def _default(value: Any) -> str:
    if value is None:
        return "`null`"
    if value is True or value is False:
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value != "" else "empty"


def _made(key: str) -> str:
    """The default of a key that is made anew for each study, or a dash where there is none."""
    here: Any = {**to_dict(Study()), "generation": Generation().model_dump()}
    for part in key.split("."):
        if not isinstance(here, dict) or part not in here:
            return "–"
        here = here[part]
    return _default(here)


def _usage(parser: argparse.ArgumentParser) -> str:
    parts = [parser.prog]
    for action in parser._actions:
        if "--help" in action.option_strings:
            continue
        name = action.option_strings[-1] if action.option_strings else ""
        text = " ".join(filter(None, (name, _value(action))))
        needed = action.required and action.nargs not in ("?", "*")
        parts.append(text if needed else f"[{text}]")
    return " ".join(parts)


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if "--help" in action.option_strings:
            continue
        names = ", ".join(action.option_strings)
        shown = " ".join(filter(None, (names, _value(action)))).replace("|", r"\|")
        yield f"| `{shown}` | {_cell(str(action.help or ''))} |"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    listed = "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    name = str(action.metavar or listed)
    return f"{name} ..." if action.nargs in ("+", "*") else name


def _described(text: str) -> list[str]:
    """A module's docstring: indented lines become code, the rest prose."""
    lines: list[str] = []
    code = False
    for line in text.strip().splitlines():
        indented = line.startswith("  ")
        if indented != code:
            while lines and not lines[-1]:
                lines.pop()
            lines += ["```", ""] if code else ["", "```sh"]
            code = indented
        if not line and lines and not lines[-1]:
            continue
        lines.append(line.strip() if indented else _prose(line))
    return lines + (["```"] if code else [])


def _drawing(name: str) -> str:
    return f"<div>{draw_method(name)}</div>"


def _prose(text: str) -> str:
    """A docstring as Markdown: formulas become code, and names in double ticks code too."""
    text = re.sub(r"``([^`]+)``", r"`\1`", text.strip("\n"))
    text = re.sub(r"(https://[^\s),]*[^\s),.])", r"<\1>", text)
    return re.sub(r"^    ", "        ", text, flags=re.MULTILINE).replace("        ", "    ")


def _cell(text: str) -> str:
    return text.replace("%%", "%").replace("|", r"\|").replace("<", "&lt;").replace("\n", " ")


def _first_line(text: str) -> str:
    return str(text).strip().partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
