"""Chat templates of strangers, rendered in bounded time and size.

A chat template is a program of whoever published the model. Jinja's sandbox keeps it from files
and from Python's internals, and does not bound how long it runs or how much it writes. Here every
loop, call, filter and operator pays from a budget before it acts, by the size of what it is given
and of what it would make. What a template writes is what transformers' own rendering writes.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

from jinja2 import TemplateError, TemplateRuntimeError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from tunelab.errors import RunError

# Characters of a template, and of anything that one makes.
_LONGEST_TEMPLATE = 1_000_000
_LARGEST = 10_000_000
# Steps, each of which may copy a thousand characters; elements of a list; bits of a number.
_STEPS = 150_000
_ELEMENTS = 1_000_000
_BITS = 10_000
_SECONDS = 10.0
# Of the text that a width, a repetition or a number of blanks can ask for.
_WIDEST = 100_000
_STRETCHING = {"center", "ljust", "rjust", "zfill", "expandtabs", "wordwrap", "indent"}


def render_template(template: str, values: Mapping[str, Any]) -> str:
    """What a chat template writes.

    Raises:
        jinja2.TemplateError: the template refuses the conversation, or has a fault.
        RunError: it runs too long or makes too much.
    """
    token = _budget.set(_Budget())
    try:
        return str(_compiled(template).render(values))
    except (TemplateError, RunError):
        raise
    except Exception as error:
        # Whatever Python raises at what a template does: a wrong type, a loop of macros.
        raise TemplateRuntimeError(f"{type(error).__name__}: {str(error)[:200]}") from None
    finally:
        _budget.reset(token)


def _too_much() -> RunError:
    return RunError(
        "the chat template runs too long or makes too much, so it was stopped; use "
        "prompt.style=plain, or another template."
    )


class _Budget:
    """The operations and characters that one rendering may still use."""

    def __init__(self) -> None:
        self.steps = _STEPS
        self.until = time.monotonic() + _SECONDS

    def pay(self, size: int = 0) -> None:
        self.steps -= 1 + size // 1000
        if size > _LARGEST or self.steps < 0 or time.monotonic() > self.until:
            raise _too_much()


_budget: ContextVar[_Budget] = ContextVar("budget")


def _size(value: Any) -> int:
    """Characters and elements of a value as it would be written out, however often one recurs."""
    return len(value) if isinstance(value, str) else _size_within(value, {}, [_ELEMENTS])


def _size_within(value: Any, known: dict[int, int], left: list[int]) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        parts: Iterable[Any] = [part for pair in value.items() for part in pair]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        return 1
    if id(value) not in known:
        left[0] -= len(value)
        if left[0] < 0:
            raise _too_much()
        known[id(value)] = 2 + sum(_size_within(part, known, left) for part in parts)
    return known[id(value)]


def _operate(operator: str, left: Any, right: Any) -> None:
    """Charge for an operator."""
    sizes = _size(left), _size(right)
    if operator == "*":
        if isinstance(left, int) and isinstance(right, int):
            _check_bits(left.bit_length() + right.bit_length())
        for many, times in ((left, right), (right, left)):
            if isinstance(many, str | list | tuple) and isinstance(times, int):
                _budget.get().pay((1 + _size(many)) * max(times, 0))
    elif operator == "**" and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * abs(right))
    elif operator == "%" and isinstance(left, str):
        _check_format(left, "%", sizes[1])
    _budget.get().pay(sum(sizes))


def _check_bits(bits: int) -> None:
    if bits > _BITS:
        raise _too_much()


def _check_format(text: str, mark: str, size: int) -> None:
    """Charge for formatting, where a width may be given and a value repeat."""
    if re.search(r"[0-9]{5}|%[^a-zA-Z%]*\*|\{[^{}]*\{", text):
        raise _too_much()
    _budget.get().pay(len(text) + (1 + text.count(mark)) * (1 + size))


def _call(name: str, owner: Any, arguments: Sequence[Any]) -> None:
    """Charge for a filter, or for a method of ``owner``."""
    given = [owner, *arguments]
    sizes = [_size(one) for one in given]
    _budget.get().pay(sum(sizes))
    if name in _STRETCHING or (isinstance(owner, str) and name == "truncate"):
        lines = owner.count("\n") if isinstance(owner, str) else 0
        widths = [one if isinstance(one, int) else _size(one) for one in arguments]
        if any(width > _WIDEST for width in widths):
            raise _too_much()
        pieces = sizes[0] if name in ("expandtabs", "wordwrap") else lines
        _budget.get().pay((1 + pieces) * max([1, *widths]))
    elif name == "replace" and isinstance(owner, str) and len(arguments) >= 2:
        old, new = sizes[1], sizes[2]
        _budget.get().pay(sizes[0] + (1 + sizes[0] // max(old, 1)) * new)
    elif name == "join":
        items, mark = (arguments[:1], owner) if isinstance(owner, str) else ([owner], arguments)
        count = sum(len(one) for one in items if hasattr(one, "__len__"))
        _budget.get().pay(sum(map(_size, items)) + count * _size(mark))
    elif name in ("format", "format_map") and isinstance(owner, str):
        _check_format(owner, "{", sum(sizes[1:]))
        _check_format(owner, "%", sum(sizes[1:]))
    elif any(isinstance(one, int) and abs(one) > _LARGEST for one in arguments):
        raise _too_much()


def _joined(parts: Iterable[str]) -> str:
    """The pieces that a template writes, as one text."""
    kept, size = [], 0
    for part in parts:
        size += len(part)
        if size > _LARGEST:
            raise _too_much()
        kept.append(part)
    _budget.get().pay(size)
    return "".join(kept)


def _written(value: Any) -> Any:
    _budget.get().pay(_size(value))
    return value


class _Paying(NodeTransformer):
    """Adds the charge to loops and macros, and makes ~ an operator with a charge."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        return self._with_step(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        return self._with_step(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        return self._with_step(node)

    def _with_step(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        step = nodes.Call(nodes.EnvironmentAttribute("pay"), [], [], None, None)
        node.body = [nodes.ExprStmt(step), *node.body]
        paying: nodes.Node = node
        return paying

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        first, *rest = [nodes.Filter(one, "string", [], [], None, None) for one in node.nodes]
        whole: nodes.Expr = first
        for one in rest:
            whole = nodes.Add(whole, one)
        return whole


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox as transformers sets it up, with the payments."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    concat = staticmethod(_joined)

    def pay(self) -> str:
        _budget.get().pay()
        return ""

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _operate(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        method = getattr(__obj, "__wrapped__", __obj)
        owner = getattr(method, "__self__", None)
        given = [*args, *kwargs.values()]
        _call(getattr(method, "__name__", ""), owner if isinstance(owner, str) else "", given)
        return super().call(__context, __obj, *args, **kwargs)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Paying().visit(super()._parse(source, name, filename))
        for node in tree.find_all(nodes.Node):
            # What was put in is in no line.
            node.lineno = node.lineno or 1
        tree.set_environment(self)
        return tree


class _Generation(Extension):
    """The tag that marks what an assistant wrote; what is in it is written as it is."""

    tags = {"generation"}  # noqa: RUF012 - as the base class has it

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


class _Namespace(Namespace):
    """Values that a loop leaves behind; its names cannot reach into Python."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        for name in dict(*args[1:], **kwargs):
            _check_key(name)
        Namespace.__init__(*args, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_key(name)
        super().__setitem__(name, value)

    def __repr__(self) -> str:
        return "<Namespace>"


def _check_key(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a template may not set {name!r}.")


class _Dictionary:
    """``dict`` without the attributes of a class."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    if (
        isinstance(indent, int | str)
        and _size(indent) + (indent if type(indent) is int else 0) > 99
    ):
        raise _too_much()
    _budget.get().pay(100 * _size(value) if indent else _size(value))
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _paid(name: str, function: Any) -> Any:
    passed = getattr(function, "jinja_pass_arg", None) is not None

    @wraps(function)
    def filter(*args: Any, **kwargs: Any) -> Any:
        value, *rest = args[1:] if passed else args
        _call(name, value, [*rest, *kwargs.values()])
        return function(*args, **kwargs)

    return filter


@lru_cache(maxsize=64)
def _compiled(template: str) -> Any:
    if len(template) > _LONGEST_TEMPLATE:
        raise _too_much()
    environment = _Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_Generation, "jinja2.ext.loopcontrols"],
        finalize=_written,
    )
    environment.filters["tojson"] = _to_json
    for name in ("urlize", "xmlattr", "pprint"):
        del environment.filters[name]
    for name, function in list(environment.filters.items()):
        environment.filters[name] = _paid(name, function)
    del environment.globals["lipsum"]
    environment.globals |= {
        "raise_exception": _refuse,
        "strftime_now": lambda format: datetime.now().strftime(format),
        "dict": _Dictionary(),
        "namespace": _Namespace,
    }
    return environment.from_string(template)
