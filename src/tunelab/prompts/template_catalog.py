"""Chat templates by name, for models that bring none and for trying a wrong one."""

import copy
from functools import cache
from importlib.resources import files
from typing import Any

from tunelab.errors import UsageError
from tunelab.guards.bounded_files import home_path, read_bounded
from tunelab.registry import unknown

# Bytes of a template's file.
_LARGEST = 1_000_000
# What a person writes for a model without its template.
NO_TEMPLATE = "none"
# And for the template that the model brings.
OWN_TEMPLATE = "own"


@cache
def template_names() -> tuple[str, ...]:
    """The templates that tunelab ships."""
    return tuple(sorted(path.name.removesuffix(".jinja") for path in _folder().iterdir()))


def read_template(name: str) -> str:
    """The Jinja text of a template that tunelab ships, or of a file that ends with .jinja.

    Raises:
        UsageError: there is no such template, with the near matches; or it is no Jinja.
    """
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if name.endswith(".jinja"):
        try:
            text = read_bounded(home_path(name), _LARGEST).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"cannot read the template {name!r}; give a UTF-8 file.") from None
        try:
            ImmutableSandboxedEnvironment(
                extensions=["jinja2.ext.loopcontrols"], trim_blocks=True
            ).parse(text)
        except TemplateSyntaxError as error:
            # Templates of training tools hold tags that only transformers knows.
            if "generation" not in str(error.message):
                raise UsageError(
                    f"{name}, line {error.lineno}: no Jinja template ({error.message})."
                ) from None
        except RecursionError:
            raise UsageError(f"{name}: no Jinja template (nested too deep).") from None
        return text
    if name not in template_names():
        raise unknown("template", name, [*template_names(), NO_TEMPLATE, OWN_TEMPLATE])
    return str((_folder() / f"{name}.jinja").read_text(encoding="utf-8"))


def choose_template(tokenizer: Any, name: str) -> Any:
    """The tokenizer with its ``own`` template, with ``none``, or with one that is named.

    Raises:
        UsageError: there is no template of that name.
    """
    if name == OWN_TEMPLATE:
        return tokenizer
    return with_template(tokenizer, None if name == NO_TEMPLATE else read_template(name))


def with_template(tokenizer: Any, template: str | None) -> Any:
    """A tokenizer of the same vocabulary with another chat template; the given one stays."""
    other = copy.copy(tokenizer)
    other.chat_template = template
    return other


def _folder() -> Any:
    return files("tunelab.prompts") / "templates"
