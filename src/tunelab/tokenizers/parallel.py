"""The same sentences in several languages: tunelab's own, the user's files, UDHR and FLORES."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tunelab.errors import UsageError
from tunelab.registry import unknown
from tunelab.tokenizers.reading import read_lines

LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "fa": "Persian",
    "ar": "Arabic",
    "tr": "Turkish",
    "hi": "Hindi",
    "zh": "Chinese",
    "ru": "Russian",
    "de": "German",
    "es": "Spanish",
}
BUILT_IN = "parallel"
CORPORA = (BUILT_IN, "persian-morphology", "persian-variants", "udhr", "flores")

# Names of the files that FLORES-200 and the UDHR in Unicode have for these languages.
_FLORES = {
    "en": "eng_Latn",
    "fa": "pes_Arab",
    "ar": "arb_Arab",
    "tr": "tur_Latn",
    "hi": "hin_Deva",
    "zh": "zho_Hans",
    "ru": "rus_Cyrl",
    "de": "deu_Latn",
    "es": "spa_Latn",
}
_UDHR = {
    "en": "eng",
    "fa": "pes_1",
    "ar": "arb",
    "tr": "tur",
    "hi": "hin",
    "zh": "cmn_hans",
    "ru": "rus",
    "de": "deu_1996",
    "es": "spa",
}
_ARTICLE = re.compile(r"<article\b[^>]*\bnumber=[\"'](\d+)[\"'][^>]*>(.*?)</article>", re.DOTALL)
_MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class ParallelText:
    """Sentences by language code, all lists of one length and order."""

    name: str
    sentences: Mapping[str, Sequence[str]]

    @property
    def rows(self) -> int:
        """How many sentences each language has."""
        return len(next(iter(self.sentences.values()), ()))


def built_in() -> ParallelText:
    """tunelab's own sentences in nine languages, everyday to formal."""
    rows = read_table("parallel.tsv")
    return ParallelText(
        BUILT_IN, {language: [row[language] for row in rows] for language in LANGUAGES}
    )


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of one of the tables that come with the laboratory."""
    with (files("tunelab.tokenizers.corpora") / name).open(encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [dict(row) for row in reader]


def read_files(paths: Mapping[str, Path]) -> ParallelText:
    """Files with one sentence a line, the same in each line; the keys are language codes.

    Raises:
        UsageError: a file cannot be read, is not UTF-8, or has another number of lines.
    """
    lines = {language: _read_lines(path) for language, path in paths.items()}
    numbers = {language: len(found) for language, found in lines.items()}
    if len(set(numbers.values())) > 1:
        counts = ", ".join(f"{paths[code]} has {count} lines" for code, count in numbers.items())
        raise UsageError(f"parallel files need the same sentence in the same line, but {counts}.")
    if not any(numbers.values()):
        raise UsageError("the parallel files hold no lines.")
    # A line that is blank in one language is a sentence in none.
    kept = [
        position
        for position in range(max(numbers.values()))
        if all(found[position].strip() for found in lines.values())
    ]
    if not kept:
        raise UsageError("the parallel files have no line that holds text in every language.")
    return ParallelText(
        "files", {code: [found[position] for position in kept] for code, found in lines.items()}
    )


def read_flores(folder: Path) -> ParallelText:
    """FLORES-200 as it is distributed: ``dev/eng_Latn.dev`` or ``devtest/eng_Latn.devtest``.

    Raises:
        UsageError: the folder has not got these files, or not the English one.
    """
    for part in ("devtest", "dev"):
        found = {
            language: path
            for language, name in _FLORES.items()
            if (path := _first(folder, f"{part}/{name}.{part}", f"{name}.{part}"))
        }
        if "en" in found:
            return ParallelText("flores", read_files(found).sentences)
    raise UsageError(
        f"{folder} holds no FLORES-200: there is no devtest/eng_Latn.devtest and no "
        "dev/eng_Latn.dev in it."
    )


def read_udhr(folder: Path) -> ParallelText:
    """The articles of the Universal Declaration from the XML files of udhr.unicode.org.

    Articles that all languages have are the rows; a text has the title and the paragraphs.

    Raises:
        UsageError: the folder holds no udhr_eng.xml, or a file has no articles.
    """
    found = {
        language: path
        for language, name in _UDHR.items()
        if (path := _first(folder, f"udhr_{name}.xml", f"udhr_{name.split('_')[0]}.xml"))
    }
    if "en" not in found:
        raise UsageError(f"{folder} holds no UDHR: there is no udhr_eng.xml in it.")
    articles = {language: _articles(path) for language, path in found.items()}
    numbers = sorted(set.intersection(*(set(texts) for texts in articles.values())))
    if not numbers:
        raise UsageError(f"the files in {folder} have no article in common.")
    return ParallelText(
        "udhr", {code: [texts[number] for number in numbers] for code, texts in articles.items()}
    )


def open_corpus(name: str) -> ParallelText:
    """A corpus of the command line: ``parallel``, ``flores=FOLDER`` or ``udhr=FOLDER``.

    Raises:
        UsageError: the name is not known, or the folder is missing.
    """
    kind, _, folder = name.partition("=")
    if name == BUILT_IN:
        return built_in()
    if kind in ("flores", "udhr"):
        if not folder:
            raise UsageError(f"{kind} does not come with tunelab; give its folder: {kind}=FOLDER.")
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise UsageError(f"there is no folder {folder!r} with {kind} in it.")
        return read_flores(path) if kind == "flores" else read_udhr(path)
    raise unknown("corpus", name, CORPORA)


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _articles(path: Path) -> dict[int, str]:
    text = "\n".join(_read_lines(path))
    found = {}
    for number, body in _ARTICLE.findall(text):
        plain = _MARKUP.sub(" ", body)
        for mark, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
            plain = plain.replace(mark, character)
        found[int(number)] = " ".join(plain.split())
    if not found:
        raise UsageError(f"{path} holds no articles; it is not the XML of udhr.unicode.org.")
    return found


def _read_lines(path: Path) -> list[str]:
    return list(read_lines(path))
