"""From a model's answer to a label, or to the reason why there is none."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import regex

from tunelab.evaluation.parsing.label_spans import LabelFinder, Span
from tunelab.evaluation.parsing.negation import denied
from tunelab.prompts.reasoning import final_answer, is_marker

EMPTY = "empty answer"
NO_LABEL = "no label in the answer"
SEVERAL = "several labels"
NEGATED = "negated label"
UNFINISHED = "unfinished reasoning"
CUT = "cut before its end"
# There is no answer to read, as a hosted model gave none.
FAILED = "failed request"
REASONS = (EMPTY, NO_LABEL, SEVERAL, NEGATED, UNFINISHED, CUT, FAILED)


@dataclass(frozen=True)
class ParsedAnswer:
    """``label`` is one of the labels, or None; then ``reason`` is one of ``REASONS``."""

    label: str | None
    reason: str | None


# Characters of an answer that are read: no model writes as many to name a label. Of a longer one
# the end is read, since an answer stands behind its reasoning.
_LONGEST = 8_000
_PAIRS = (
    *(
        '""',
        "''",
        "``",
        "“”",
        "‘’",
        "„“",
        "«»",
        "‹›",
        "「」",
        "『』",
        "《》",
        "()",
        "[]",
        "{}",
        "<>",
    ),
    *("（）", "【】", "**", "__", "~~", "||"),
)
# What a model writes around a label: pairs of marks, blanks, a final period.
_DOUBLED = ("***", "**", "__", "~~", "```", '"""', "$$")
_FINAL = ".。！!？?،؛؟।॥։።။។,;:：，；…"
# Marks that may stand anywhere around a word, never a part of it.
_MARKS = " \t\n\r.,;:!?\"'`*_()[]{}<>|«»“”„‘’#~-–—=→>•·。！？，、；：「」『』《》（）【】،؛؟।"
_TRAILING = _MARKS.replace("#", "")
_MOST_FORMS = 200
_MOST_SPANS = 300
# Lines at either end of an answer that may be the answer by themselves.
_LINES = 20
# Characters around a label beyond which a text is more than a label with marks around it.
_AROUND = 200

_NOUN = (
    r"(?:answer|label|category|class|classification|sentiment|emotion|intent|topic|result|output"
    r"|prediction|response|conclusion|verdict|choice|polarity|tag"
    r"|antwort|kategorie|klasse|ergebnis|r[ée]ponse|cat[ée]gorie|respuesta|etiqueta|categor[ií]a"
    r"|resposta|categoria|risposta|etichetta|ответ|категория|метка|відповідь|antwoord|odpowied[źz]"
    r"|cevap|yan[ıi]t|kategori|jawaban|svar|απάντηση|تשובה|תשובה|پاسخ|پاسخ|جواب|برچسب|الإجابة|الاجابة"
    r"|الجواب|التصنيف|उत्तर|जवाब|উত্তর|答案|回答|标签|標籤|类别|類別|答え|ラベル|정답|답변|답|라벨"
    r"|คำตอบ|câu trả lời)"
)
_IS = r"(?:is|ist|lautet|est|es|é|è|are|это|—|–|是|为|為|は|은|는|है|:|：|=|->|→)"
# "Final answer: ", "**Answer:** ", "The answer is "
_MARKER = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}])(?:(?P<final>final|finally|endg[üu]ltige|finale|итоговый|最终|最後の|نهایی)\W{{0,3}})?"
    rf"{_NOUN}(?P<final2>\s+(?:نهایی|final|finale))?[\"'*_`)\]]*\s*{_IS}[\"'*_`]*\s*",
    regex.IGNORECASE,
)
_PREFIX = regex.compile(
    r"(?:(?:so|thus|therefore|hence|ok(?:ay)?|sure|well)\b\W{1,3})?"
    rf"(?:(?:the|my|a|final|correct|best|die|der|la|le|el|il|a|o|最终)\s+){{0,3}}{_MARKER.pattern}",
    regex.IGNORECASE,
)
_BOXED = regex.compile(
    r"\\(?:boxed|fbox|text|textbf|mathrm|mathbf|emph)\s*\{(?P<inside>[^{}\n]{0,2000})\}"
)
_SENTENCE_END = regex.compile(r"[.;!?](?=\s|[\"'*_`)\]]|$)|[\n。；！？؟।։]")
# A minus sign away from its number, which may also be the mark of a list, and the word for it.
_APART = regex.compile(r"(?<![\p{L}\p{N}])[-−–—]\s+$")
_MINUS = regex.compile(
    r"(?<!\p{L})(?:minus|negative|moins|menos|meno|минус|منفی|マイナス|负|負)\s*$", regex.I
)
_LIST_MARK = regex.compile(r"(?:[-*+•·>]|#{1,6})\s+(?=\S)|\(?\d{1,3}[.)]\s+(?=\S)")


def parse_answer(answer: str, labels: Sequence[str], *, stopped: bool = True) -> ParsedAnswer:
    """Find the one label that an answer gives.

    An answer that is a label, character by character, is that label, whatever the label looks
    like. Otherwise what a model reasoned first (``<think>``) is left out, and quotes, Markdown,
    punctuation, a line of its own, "Answer: " and a sentence around the label do not matter.
    Case and look-alike letters do not matter either, where that leaves one label.

    A label counts as a whole word of its script, so that a synonym or another form of the word
    ("joyful") is no label. A denied label ("not sadness") does not count; two different labels
    that are not denied make the answer undecided, unless one stands behind "Answer:" or alone in
    the first or the last line. ``stopped`` is false for an answer that was cut at the limit of
    its tokens.
    """
    return _reader(tuple(labels)).read(answer, stopped=stopped)


@lru_cache(maxsize=16)
def _reader(labels: tuple[str, ...]) -> "_Reader":
    return _Reader(labels)


class _Reader:
    """Reads answers with the labels of one set."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.finder = LabelFinder([unicodedata.normalize("NFC", label) for label in labels])
        self.given = {unicodedata.normalize("NFC", label): label for label in labels}
        self.raw = {label: label for label in labels}
        self.longest = max(map(len, labels), default=0)
        # Labels that look like the tags around reasoning.
        self.marked = any(is_marker(label) for label in labels)
        # Labels of signs alone: a mark less is another label.
        self.signs = {label for label in self.given if not _has_letter(label)}

    def read(self, answer: str, *, stopped: bool) -> ParsedAnswer:
        exact = self.raw.get(answer) or self.raw.get(answer.strip())
        if exact is not None and (stopped or not self._goes_on(answer.strip())):
            return ParsedAnswer(exact, None)
        whole = self._whole(unicodedata.normalize("NFC", answer)) if self.marked else None
        without = final_answer(answer)
        if without.unfinished and whole is not None:
            return whole
        if without.unfinished:
            return ParsedAnswer(None, UNFINISHED)
        text = unicodedata.normalize("NFC", without.text[-_LONGEST:])
        found = self._parse(text)
        if stopped:
            return found
        if found.label is None and found.reason in (EMPTY, NO_LABEL):
            return ParsedAnswer(None, CUT)
        if found.label is not None and self._ends_within_label(text):
            return ParsedAnswer(None, CUT)
        return found

    def _parse(self, text: str) -> ParsedAnswer:
        whole = self._whole(text)
        if isinstance(whole, ParsedAnswer):
            return whole
        if not _has_letter(text) and not self.signs:
            return ParsedAnswer(None, EMPTY if not _has_symbol(text) else NO_LABEL)
        spans = [self._signed(text, span) for span in self.finder.spans(text)[-_MOST_SPANS:]]
        if not spans:
            return ParsedAnswer(None, NO_LABEL if text.strip(_MARKS) else EMPTY)
        refused = denied(text, spans)
        kept = [span for span, is_denied in zip(spans, refused, strict=True) if not is_denied]
        if not kept:
            return ParsedAnswer(None, NEGATED)
        for chosen in self._explicit(text, kept), self._named(kept):
            if len(chosen) == 1 and None not in chosen:
                return self._label(str(next(iter(chosen))))
            if chosen:
                break
        return ParsedAnswer(None, SEVERAL)

    def _signed(self, text: str, span: Span) -> Span:
        """The span with what stands before a number: "minus 1" is -1, "- 1" may be either."""
        negative = f"-{span.label}"
        if span.label is None or negative not in self.given or not span.label[0].isdigit():
            return span
        before = text[max(0, span.start - 20) : span.start]
        if _MINUS.search(before):
            return replace(span, label=negative)
        return replace(span, label=None) if _APART.search(before) else span

    def _is_sign_apart(self, form: str) -> bool:
        """Whether a form is "- 1" where -1 is a label: it may as well be 1 in a list."""
        sign, _, number = form.partition(" ")
        return sign in ("-", "−", "–", "—") and f"-{number.strip(_MARKS)}" in self.given

    def _label(self, label: str) -> ParsedAnswer:
        return ParsedAnswer(self.given[label], None)

    @staticmethod
    def _named(spans: Sequence[Span]) -> set[str | None]:
        return {span.label for span in spans}

    def _whole(self, text: str) -> ParsedAnswer | None:
        """The label that the text is, but for what stands around it."""
        if len(text) > 2 * self.longest + _AROUND and len(text.strip()) > self.longest + _AROUND:
            return None
        forms = _undressed(text.strip() or text, self.signs)
        if any(self._is_sign_apart(form) for form, _ in forms):
            return ParsedAnswer(None, SEVERAL)
        for form, _ in forms:
            if (exact := self.finder.exactly(form)) is not None:
                return self._label(exact)
        for form, loose in forms:
            alike = self.finder.resembled(form)
            if loose:
                alike = {label for label in alike if _has_letter(label) or _has_symbol(label)}
            if len(alike) == 1:
                return self._label(next(iter(alike)))
            if alike:
                return ParsedAnswer(None, SEVERAL)
        return None

    def _explicit(self, text: str, kept: Sequence[Span]) -> set[str | None]:
        """What the answer itself calls its answer: behind "Answer:", or alone in a line.

        Of "final answer" and "answer" the first counts. Where answers differ all are returned.
        """
        ranks: dict[int, set[str | None]] = {}
        for match in _BOXED.finditer(text):
            inside = [s for s in kept if match.start() <= s.start and s.end <= match.end()]
            ranks.setdefault(0, set()).update(self._named(inside))
        for match in _MARKER.finditer(text):
            end = _sentence_end(text, match.end(), kept)
            behind = [span for span in kept if match.end() <= span.start and span.end <= end]
            rank = 0 if match["final"] or match["final2"] else 1
            ranks.setdefault(rank, set()).update(self._named(behind))
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 2 * _LINES:
            lines = [*lines[:_LINES], *lines[-_LINES:]]
        alone = [self._whole(line) for line in lines] if len(lines) > 1 else []
        if alone and (alone[0] is not None or alone[-1] is not None):
            # Behind "Answer:" the first line alone still counts: a model that continues with
            # another text and its label has answered there.
            counted = alone[:1] if ranks.get(0) or ranks.get(1) else alone
            own = {entry.label for entry in counted if entry is not None and entry.label}
            own = {unicodedata.normalize("NFC", label) for label in own if label is not None}
            ranks.setdefault(1, set()).update(own)
        return next((ranks[rank] for rank in sorted(ranks) if ranks[rank]), set())

    def _goes_on(self, text: str) -> bool:
        """Whether a text begins a label and is none of its end."""
        return any(label != text and label.startswith(text) for label in self.raw)

    def _ends_within_label(self, text: str) -> bool:
        """Whether the label at the end of a cut text may be the beginning of a longer one."""
        spans = self.finder.spans(text)
        if not spans or text[spans[-1].end :].strip(_MARKS):
            return False
        written = text[spans[-1].start :].rstrip().casefold()
        return any(
            len(label) > len(written) and label.casefold().startswith(written)
            for label in self.given
        )


def _sentence_end(text: str, start: int, spans: Sequence[Span]) -> int:
    """Where the sentence from ``start`` ends; what stands within a label ends none."""
    for match in _SENTENCE_END.finditer(text, start):
        if match.group() == "\n" and not text[start : match.start()].strip(_MARKS):
            continue
        if not any(span.start <= match.start() < span.end for span in spans):
            return int(match.start())
    return len(text)


def _undressed(text: str, signs: set[str]) -> list[tuple[str, bool]]:
    """The text, and what is left of it without one mark after another, the nearest form first.

    The flag says that marks were taken that could be a part of a label made of signs.
    """
    seen: dict[str, bool] = {}
    queue = [(text, False)]
    while queue and len(seen) < _MOST_FORMS:
        form, loose = queue.pop(0)
        if not form or form in seen:
            continue
        seen[form] = loose
        queue += [(less, loose) for less in _without_frame(form, signs)]
        bare = _without_marks(form)
        if bare != form:
            queue.append((bare, True))
    return sorted(seen.items(), key=lambda entry: entry[1])


def _without_frame(form: str, signs: set[str]) -> Iterator[str]:
    """The text without one thing that is written around a label."""
    stripped = form.strip()
    if stripped != form:
        yield stripped
        return
    for mark in _DOUBLED:
        if form.startswith(mark) and form.endswith(mark) and len(form) > 2 * len(mark):
            yield form[len(mark) : -len(mark)]
    for pair in _PAIRS:
        if form[0] == pair[0] and form[-1] == pair[-1] and len(form) > 2:
            yield form[1:-1]
    if form[0] == form[-1] and form[0] in "\"'`*_$" and len(form) > 2:
        yield form[1:-1]
    if form[-1] in _FINAL and len(form) > 1:
        yield form[:-1]
    if (boxed := _BOXED.fullmatch(form)) is not None:
        yield boxed["inside"]
    if (prefix := _PREFIX.match(form)) is not None and prefix.end() < len(form):
        yield form[prefix.end() :]
    if (mark := _LIST_MARK.match(form)) is not None:
        rest = form[mark.end() :]
        # "- 1" may be -1 as well as the first entry of a list.
        if not (form[0] in "-+" and any(f"{form[0]}{rest}" == sign for sign in signs)):
            yield rest


def _without_marks(form: str) -> str:
    """The text without all marks around it; a sign before a digit stays, and # and + behind."""
    bare = form.lstrip(_MARKS)
    taken = form[: len(form) - len(bare)]
    if bare[:1].isdigit() and taken[-1:] == "-":
        bare = "-" + bare
    if bare[:1].isdigit() and taken[-1:] in "–—" and taken:
        bare = "-" + bare
    return bare.rstrip(_TRAILING)


def _has_letter(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _has_symbol(text: str) -> bool:
    """Whether a text holds an emoji or another picture."""
    return any(unicodedata.category(character) in ("So", "Sk") for character in text)


def prove(labels: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """Dressings in which a label is not read as itself: by label, the dressing and what is read."""
    found: dict[str, tuple[str, Any]] = {}
    for label in labels:
        for dressing in DRESSINGS:
            parsed = parse_answer(dressing.format(label=label), labels)
            if parsed.label != label:
                found[label] = (dressing, parsed)
                break
    return found


DRESSINGS = (
    "{label}",
    " {label} ",
    "\n{label}\n",
    '"{label}"',
    "'{label}'",
    "`{label}`",
    "**{label}**",
    "{label}.",
    "Answer: {label}",
    "The answer is {label}.",
)
