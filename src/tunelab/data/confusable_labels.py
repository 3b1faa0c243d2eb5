"""Labels that a person takes for one and that are kept apart, with what tells them."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from tunelab.data.loading_notes import listed

# Letters of other scripts that look like Latin ones. Source: the confusables of Unicode's
# technical standard 39, those of whole Cyrillic and Greek letters.
_LOOKALIKES = str.maketrans(
    dict(
        zip(
            "аеорсухіјѕԁһкмтвнАВЕКМНОРСТХІЈЅαονρυικηΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
            "aeopcyxijsdhkmtbhABEKMHOPCTXIJSaovpuiknABEZHIKMNOPTYX",
            strict=True,
        )
    )
)
_ARABIC = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "ـ": None})
# Between letters; the sign of a number is none.
_HYPHENS = re.compile(r"(?<=[^\W_])[-_](?=[^\W_])")
_QUOTES = str.maketrans(dict.fromkeys("\"'`´“”„‟‘’‚‛«»‹›「」『』"))
# Behind a letter or a digit; a sign such as ":" may be a label, or of one.
_STOPS = re.compile(r"(?<=\w)[.,;:]+$")
_JOINERS = str.maketrans({"\u200c": None, "\u200d": None, "\ufe0e": None, "\ufe0f": None})


def _case(label: str) -> str:
    return label.casefold()


def _quotes(label: str) -> str:
    return label.translate(_QUOTES).strip() or label


def _stops(label: str) -> str:
    return _STOPS.sub("", label)


def _blanks(label: str) -> str:
    return "".join(_HYPHENS.sub(" ", label.translate(_JOINERS)).split())


def _digits(label: str) -> str:
    return "".join(
        str(unicodedata.digit(sign, -1)) if unicodedata.digit(sign, -1) >= 0 else sign
        for sign in label
    )


def _letters(label: str) -> str:
    folded = unicodedata.normalize("NFKC", label.translate(_ARABIC))
    return folded.translate(_LOOKALIKES)


_FOLDS: Sequence[tuple[str, Callable[[str], str]]] = (
    ("in case alone", _case),
    ("in quotation marks alone", _quotes),
    ("in a punctuation mark at the end alone", _stops),
    ("in blanks, half-spaces or hyphens alone", _blanks),
    ("in digits of several scripts alone", _digits),
    ("in letters that look alike (as ی and ي do)", _letters),
)


def confusable(labels: Sequence[str]) -> list[str]:
    """A sentence for each group of labels that are easily taken for one."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        key = label
        for _, fold in _FOLDS:
            key = fold(key)
        groups.setdefault(key.casefold(), []).append(label)
    return [_sentence(group) for group in groups.values() if len(group) > 1]


def _sentence(group: Sequence[str]) -> str:
    reason = next(
        (words for words, fold in _FOLDS if len({fold(label) for label in group}) == 1),
        "in what is hard to see",
    )
    shared = set.intersection(*map(set, group))
    names = listed([f"{label!r}{_codes(label, shared)}" for label in group])
    return (
        f"The labels {names} differ {reason} and are kept apart; if they are one class, write "
        "them alike in the file."
    )


def _codes(label: str, shared: set[str]) -> str:
    """The code points beyond ASCII of what the other labels have not, by which it can be told."""
    own = [f"U+{ord(sign):04X}" for sign in label if sign not in shared and not sign.isascii()]
    return f" ({listed(own)})" if own else ""
