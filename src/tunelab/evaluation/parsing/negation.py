"""Which labels of a sentence are denied, in the languages that models mostly answer in.

The rules are lists of words, not grammar. Where they cannot tell, a label counts as denied: an
answer without a label is seen and counted, a wrong label is not.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import regex

from tunelab.evaluation.parsing.label_spans import Span

# Sentences that hold a word of denial and deny nothing. "not only joy" asserts joy.
_NO_DENIAL = [
    # English
    r"no doubt",
    r"without (?:a |any )?(?:doubt|question)",
    r"(?:there (?:is|'s) )?no (?:question|mistaking)",
    r"undoubtedly|(?:little|beyond(?: (?:a|any|all))?) doubt",
    r"(?:don't|do not|can't|cannot|couldn't) doubt",
    r"not (?:only|just|merely|simply|solely)",
    r"nothing (?:but|other than|else than|less than)",
    r"none other than",
    r"no(?:thing)? more than|nothing if not",
    r"(?:can't|cannot|couldn't|not) be anything (?:but|other than)",
    # German, Dutch, Scandinavian
    r"nicht (?:nur|bloß|bloss|allein|lediglich)",
    r"nichts (?:anderes )?als",
    r"(?:ohne|kein(?:en)?) zweifel",
    r"keine frage",
    r"niet (?:alleen|slechts|enkel)",
    r"zonder twijfel|ongetwijfeld",
    r"(?:inte|ikke|ikkje) (?:bara|endast|bare|kun)",
    r"utan tvekan|uten tvil|uden tvivl",
    # French
    r"pas (?:seulement|uniquement|que|simplement)",
    r"sans (?:aucun |nul )?doute",
    # Spanish, Portuguese, Italian, Catalan, Romanian
    r"no (?:s[oó]lo|solamente|[uú]nicamente|simplemente|només)",
    r"sin (?:lugar a |ninguna )?dudas?",
    r"no (?:cabe|hay) duda",
    r"n[aã]o (?:s[oó]|apenas|somente|simplesmente)",
    r"sem d[uú]vida",
    r"non (?:solo|soltanto|solamente|semplicemente)",
    r"senza (?:alcun )?dubbio",
    r"nu (?:doar|numai)",
    # Slavic
    r"не (?:только|просто|лише|тільки|само)",
    r"(?:без|нет|нема) (?:всякого )?(?:сомнени[яй]|сумніву)|несомненно|безсумнівно",
    r"nie tylko|bez w[aą]tpienia|nejen|bez pochyby",
    # Turkish
    r"şüphe(?:siz| yok)|kuşkusuz|sadece|yaln[ıi]zca",
    # Persian, Arabic, Urdu
    r"نه تنها|نه فقط|بدون شک|بی شک|بی\u200cشک|بدون تردید|شکی نیست(?: که)?",
    r"ليس فقط|لیس فقط|ليس مجرد|لیس مجرد|لا شك|بلا شك|بدون شك|لا شک|بلا شک|دون شک",
    r"نہ صرف|بلا شبہ|بے شک",
    # Hindi
    r"न केवल|न सिर्फ़?|नि:?संदेह|बेशक|कोई संदेह नहीं",
    # Indonesian, Vietnamese
    r"(?:tidak|bukan) (?:hanya|sekadar|cuma)|tanpa ragu|tak diragukan",
    r"không (?:chỉ|những)|không nghi ngờ",
    # Hebrew, Greek
    r"לא (?:רק|סתם)|ללא ספק|בלי ספק",
    r"όχι (?:μόνο|απλώς)|χωρίς αμφιβολία|αναμφίβολα",
    # Finnish, Hungarian
    r"ei (?:vain|pelkästään)|epäilemättä|nem ?csak|kétségtelenül",
    # Chinese
    r"不仅仅|不仅|不僅僅|不僅|不只是?|不但|不光|不单|不單|不得不|不禁|不錯|不错|不过|不過",
    r"毫无疑问|毫無疑問|无疑|無疑|毫不犹豫|非常|除非|无论|無論|不管|无非是?|無非是?|没错|沒錯",
    # Japanese
    r"だけ(?:で|では)(?:なく|ない)|のみならず|ばかり(?:で|では)なく|に違いない|に違いありません",
    r"間違いな(?:い|く)|に(?:他|ほか)な(?:らない|りません)|しかない|しかありません|かもしれ(?:ない|ません)",
    # Korean
    r"뿐만?\s*아니라|뿐만\s*아닌|틀림\s*없\w*|다름\s*아닌",
    r"의심할? 여지\s*가?\s*없\w*|밖에\s*(?:없|안)\w*",
    # Thai
    r"ไม่เพียง(?:แต่|แค่)?|ไม่ใช่(?:แค่|เพียง)|ไม่(?:ต้องสงสัย|แค่|เพียง)",
]

# Words before a label that deny it, with up to five words in between.
_BEFORE = [
    # English
    r"not|no|never|neither|nor|without|hardly|cannot|cant|isnt|wasnt|arent|dont|doesnt|didnt|aint",
    r"\w+n't|(?:anything|all) but|(?:opposite|absence|lack|instead|free|devoid|short) of",
    r"disagree|doubt|doubts|doubtful|unlike|as opposed to|opposed to",
    r"rather than|other than|except(?: for)?|excluding|excludes|exclude|rules? out|ruled out",
    r"far from|by no means|(?:fails?|failed|unable) to|lacks|lacking|denies|rejects?|anti|un|non",
    # German, Dutch, Scandinavian, Afrikaans
    r"nicht|kein|keine|keinen|keinem|keiner|keines|weder|noch|ohne|niemals|nie|keineswegs|nichts",
    r"keinesfalls|keinerlei|statt|anstatt|anstelle von|außer|ausser",
    r"niet|geen|zonder|nooit|noch|behalve|nie",
    r"ekki|inte|icke|ingen|inget|inga|utan|varken|aldrig|ikke|ikkje|intet|ingenting|uten|uden|hverken",
    # French
    r"pas|ni|aucun|aucune|sans|jamais|point de|nullement|guère|plutôt que|au lieu d[e']?|sauf",
    # Spanish, Portuguese, Italian, Catalan, Romanian
    r"ni|sin|nunca|jam[aá]s|tampoco|ning[uú]n|ninguna|nada de|en (?:lugar|vez) de|excepto|salvo",
    r"n[aã]o|nem|sem|nenhum|nenhuma|em vez de|exceto",
    r"né|senza|mai|nessun|nessuna|nessuno|invece di|invece che|anziché|tranne|sense|cap|nici|fără",
    # Slavic
    r"не|нет|ни|без|нельзя|никак\w*|немає|немає|ні|жодн\w*|нема|няма|кроме|вместо|замість|крім",
    r"nije|nisu|nuk|nu (?:este|e|sunt|era|exprimă)",
    r"nie|bez|żad\w+|ani|nigdy|zamiast|oprócz|není|nejsou|nikoli|žádn\w+|ne",
    # Greek, Finnish, Hungarian, Estonian, Latvian, Lithuanian
    r"δεν|δε|όχι|μη|μην|χωρίς|ούτε|ποτέ|ei|eikä|ilman|nem|sem|nincs|pole|nav|nėra",
    # Indonesian, Vietnamese, Tagalog, Swahili
    r"tidak|bukan|bukanlah|tanpa|tiada|jangan|không(?: phải)?|chẳng(?: phải)?|chưa|hindi",
    r"hapana|siyo|sio|wala",
    # Persian, Arabic, Urdu, Kurdish, Hebrew
    r"نه|بدون|بی|فاقد|به جای|به\u200cجای|جز|غیر|غیراز|هیچ|بجز",
    r"(?:[وف])?(?:لیس|لیست|لیسوا|لا|لم|لن|غیر|بدون|دون|عدم|ما عدا|سوی|بدلا من|انعدام)",
    r"نہ|بغیر|بنا|لא|לא|אין|אינו|אינה|אינם|בלי|ללא|אף|במקום",
    # Hindi, Bengali, Marathi, Gujarati, Punjabi
    r"न|ना|मत|बिना|बिन|ছাড়া|বিনা|વગર|ਬਿਨਾਂ",
    # Georgian, Armenian, Amharic
    r"არ|არა|ვერ|չի|չէ|ոչ|առանց",
]

# The same in scripts without blanks, with up to twelve characters in between.
_BEFORE_UNSPACED = r"[不没沒無无非未勿莫否]|缺乏|缺少|排除|而不是|除了|ไม่|มิ|ไร้|ปราศจาก|ບໍ່|មិន|គ្មាន|ឥត"

# Verbs behind a label, and the denial behind them: "joy is not". Another label behind them is
# what they deny: "joy is not sadness".
_AFTER_VERB = [
    r"(?:is|was|are|were|would|does|do|did|can|could|should|seems?|feels?|has|have|will)\s+"
    r"(?:\w+\s+){0,2}?(?:not|never|absent|missing|wrong|incorrect|unlikely|excluded|out)\b",
    r"(?:isn't|wasn't|aren't|weren't|doesn't|don't|didn't|won't|isnt|wouldn't|can't|cannot"
    r"|couldn't|shouldn't|hasn't|haven't)\b",
    r"(?:can|could|should|must|may)\s+be\s+(?:excluded|ruled out|rejected|dismissed)\b",
    r"(?:\w+\s+){0,4}(?:nicht|keine?[nmrs]?|niemals|ausgeschlossen)\b",
    r"(?:\w+\s+){0,4}(?:niet|geen|inte|ikke|ikkje)\b",
    r"(?:\w+\s+){0,2}n(?:e |')(?:\w+\s+){0,4}(?:pas|jamais|point|guère)\b",
    r"(?:\w+\s+){0,2}(?:no|n[aã]o|non|nunca|tampoco)\s+\w+",
    r"(?:\w+\s+){0,3}(?:не|нет|нельзя|немає|отсутству\w+|исключен\w*)(?:\s+\w+)?",
    r"(?:\w+\s+){0,2}(?:nie|není|nejsou)(?:\s+\w+)?",
    r"(?:\w+\s+){0,2}(?:δεν|δε)\s+\w+",
    r"(?:\w+\s+){0,2}(?:tidak|bukan|không|chẳng)(?:\s+\w+)?",
    r"(?:\w+\s+){0,2}(?:[وف]?(?:لیس|لیست|لا|لم|لن|غیر))(?:\s+\w+)?",
    r"(?:\w+\s+){0,2}(?:לא|אינו|אינה|אין)(?:\s+\w+)?",
    r"(?:.{0,6}(?:[不没沒無无]|并非|並非).{0,12})",
    r"(?:.{0,12}(?:ไม่|มิได้|ບໍ່|មិន).{0,20})",
]

# Denials behind a label in languages whose verb comes last: the label before them is denied.
_AFTER_FINAL = [
    # Persian, Urdu
    r"(?:\u200c?(?:ها|های|هایی|ی|ای|ام|ات|اش))?(?:\s+\S+){0,4}?\s+(?:نیست\w*|نبود\w*"
    r"|نمی[\u200c ]?\w+|ندار\w+|نباش\w+"
    r"|نشد\w*|نخواه\w+|نکرد\w*|نمیباش\w*|نہیں|نہ ہے|نیستش)",
    r"\s+نه(?=\s*(?:[،,.؛!؟]|$))",
    # Turkish, Azerbaijani, Uzbek
    r"(?:'?\w{0,4})?(?:\s+\w+){0,3}?\s+(?:değil\w*|yok\w*|deyil\w*|emas\w*|içermi\w+|taşımı\w+)",
    # Hindi, Bengali, Tamil, Telugu, Marathi, Gujarati, Punjabi, Kannada, Malayalam, Sinhala, Nepali
    r"(?:\s+[^\s]+){0,3}?\s+(?:नहीं|नही|नाही|नसून|होइन|छैन|না|নয়|নয়|নেই|இல்லை|அல்ல|కాదు|లేదు"
    r"|નથી|નહીં|ਨਹੀਂ"
    r"|ಅಲ್ಲ|ಇಲ್ಲ|അല്ല|ഇല്ല|නැත|නොවේ)",
    # Japanese
    r"(?:とは|という|の|では|じゃ|で|は|も|が|を|に)?[^。、！？\s]{0,12}?"
    r"(?:ない|なく|なかっ|ありません|ません|なし|無い|無く|ぬ(?![ぁ-ん]))",
    # Korean
    r"[가-힣]{0,4}(?:\s*[가-힣]+){0,3}?\s*(?:아니\w*|아닙\w*|아닌\w*|아님|않\w*|없\w*|못\w*|안\s)",
    # Burmese, Khmer
    r".{0,12}(?:မဟုတ်|မရှိ|မ\w{0,6}ဘူး)",
    # Georgian, Armenian, Amharic, Kurdish, Kazakh
    r"\s+(?:არ|არა|ვერ|չէ|չի|չեն|አይደለም|አይደለችም|نییە|نیە|نيە|емес)(?!\w)",
    # Hungarian, Finnish: postpositions
    r"\s+(?:nélkül|dışında|olmadan|haricinde|के बिना|के बजाय|بغیر)",
]

# After these a denial no longer holds: "not sadness but joy".
_TURNS = (
    r"(?<![\w'])(?:(?<!anything )(?<!all )but(?! for)|however|yet|instead(?! of)|although"
    r"|though|whereas|sondern|aber|jedoch|doch|vielmehr"
    r"|maar|echter|men|utan att|(?<=\b(?:inte|icke|ej)\b[^.!?]{1,80})utan|heldur"
    r"|mais|plutôt(?! que)|cependant|sino|pero|mas|por[eé]m|antes sim"
    r"|e sim|bensì|ma|però|ci|dar"
    r"|а|но|однако|зато|але|проте|ale|lecz|nego|već|ampak"
    r"|nýbrž|αλλά|όμως|vaan|mutta|hanem|tetapi|tapi"
    r"|melainkan|mà(?: là)?|nhưng"
    r"|بلکه|ولی|اما|لیکن|بل|لکن|ولکن|إنما|بلکہ|אלא|אבל|बल्कि|लेकिन|परंतु|मगर|বরং|কিন্তু|aksine"
    r"|ama|fakat|ancak|bilakis)(?![\w'])"
    r"|而是|但是|但|却|卻|只是|反而|แต่|แต่เป็น|ແຕ່|តែ|ပဲ"
)
_BREAKS = r"[.,;:!?\n)]|[。，；：！？،؛؟।॥…՝։]|[—–]|\s-+\s"
_CONJUNCTIONS = (
    r"and|or|nor|oder|und|noch|of|en|eller|och|og|et|ou|ni|o|u|y|e|i|или|и|ни|або|і|та|lub|ani"
    r"|nebo|ή|και"
    r"|tai|ja|vagy|és|atau|dan|hoặc|và|و|یا|أو|او|اور|או|ו|या|और|ও|বা|veya|ve|ya da|ile"
    r"|或者?|和|与|與|及"
    r"|または|や|と|か|또는|혹은|이나|나|과|와|및|หรือ|และ|/|&|\||\+"
)
_ARTICLES = (
    r"the|an?|der|die|das|den|dem|eine?n?|l[ae']|les|un|une|de|d'|el|los|las|una|il|lo"
    r"|gli|os|as|um|uma|het"
)

_SAME_LETTERS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "’": "'", "‘": "'", "ʼ": "'"})
# Characters on either side of a label in which its denial is looked for.
_REACH = 160
_LABEL, _NEUTRAL = "\ue000", "\ue001"
_PLAIN = r"""[\s"'*_`“”«»「」『』()\[\]]*+"""
# What a particle may add to a label before a conjunction, in Korean and Japanese.
_GAP = regex.compile(
    rf"{_PLAIN}(?P<comma>[,،、，])?{_PLAIN}(?P<join>(?:{_CONJUNCTIONS})(?!\w)|[ـو](?=\s)|でも|や|と|か|も|과|와|이나|나|도)?"
    rf"{_PLAIN}(?:(?:{_ARTICLES})(?:\s+|(?<=')))?{_PLAIN}",
    regex.IGNORECASE,
)
# An item of the list that is no label: "not joy, disgust, or fear".
_LONG_GAP = regex.compile(
    rf"(?:{_PLAIN}[,،、，]{_PLAIN}[\w'\-]++){{1,6}}{_PLAIN}[,،、，]?{_PLAIN}(?:{_CONJUNCTIONS})(?!\w){_PLAIN}",
    regex.IGNORECASE,
)


def denied(text: str, spans: Sequence[Span]) -> list[bool]:
    """Whether each span of a text in NFC is denied.

    ``spans`` are in the order of the text and do not overlap.
    """
    # Only characters of one length are exchanged, so that positions stay.
    masked = _masked(text.translate(_SAME_LETTERS), spans)
    groups = _groups(masked, spans)
    lists = [(spans[group[0]].start, spans[group[-1]].end) for group in groups]
    begins = [first for first, _ in lists]
    # Commas within a list end no clause.
    breaks = [
        match.span()
        for match in _compiled("breaks").finditer(masked)
        if not _within(match.span(), lists, begins)
    ]
    opens, closes = [start for start, _ in breaks], [end for _, end in breaks]
    found = [False] * len(spans)
    for group, (first, last) in zip(groups, lists, strict=True):
        before = bisect_right(closes, first)
        behind = bisect_left(opens, last)
        start = closes[before - 1] if before else 0
        stop = opens[behind] if behind < len(opens) else len(masked)
        verdict = _denied_before(masked[max(start, first - _REACH) : first]) or _denied_after(
            masked[last : min(stop, last + _REACH)]
        )
        for position in group:
            found[position] = verdict
    return found


def _within(span: tuple[int, int], lists: Sequence[tuple[int, int]], begins: Sequence[int]) -> bool:
    position = bisect_right(begins, span[0]) - 1
    return position >= 0 and span[1] <= lists[position][1]


def _masked(text: str, spans: Sequence[Span]) -> str:
    """The text with labels and what denies nothing masked, of the same length."""
    characters = list(text)
    for span in spans:
        characters[span.start : span.end] = _LABEL * (span.end - span.start)
    masked = "".join(characters)
    return str(_compiled("no denial").sub(lambda match: _NEUTRAL * len(match.group()), masked))


def _groups(masked: str, spans: Sequence[Span]) -> list[list[int]]:
    """Spans that one conjunction or more makes a list of: "joy, love, or anger" is one."""
    groups: list[list[int]] = []
    joined: list[bool] = []
    for position in range(len(spans)):
        gap = masked[spans[position - 1].end : spans[position].start] if position else None
        gap = gap if gap is not None and len(gap) <= _REACH else None
        match = _GAP.fullmatch(gap) if gap is not None else None
        through = gap is not None and _LONG_GAP.fullmatch(gap) is not None
        if through or (match is not None and (match["comma"] or match["join"])):
            groups[-1].append(position)
            joined[-1] = joined[-1] or through or (match is not None and bool(match["join"]))
        else:
            groups.append([position])
            joined.append(False)
    parted = []
    for group, is_list in zip(groups, joined, strict=True):
        parted += [group] if is_list else [[position] for position in group]
    return parted


def _denied_before(before: str) -> bool:
    return bool(_compiled("before").search(before) or _compiled("before unspaced").search(before))


def _denied_after(after: str) -> bool:
    final = _compiled("after final").match(after)
    if final is not None and _LABEL not in final.group():
        return True
    verb = _compiled("after verb").match(after)
    return verb is not None and _LABEL not in after


@lru_cache(maxsize=8)
def _compiled(name: str) -> Any:
    flags = regex.IGNORECASE | regex.V1
    hidden = _LABEL + _NEUTRAL
    patterns = {
        "no denial": rf"(?<!\w)(?:{'|'.join(filter(_spaced, _NO_DENIAL))})(?!\w)"
        rf"|{'|'.join(pattern for pattern in _NO_DENIAL if not _spaced(pattern))}",
        "breaks": f"{_BREAKS}|{_TURNS}",
        "before": rf"(?<![\w'])(?:{'|'.join(_BEFORE)})(?![\w'])"
        rf"(?:[\s\-\"'*_`\u200c]++[\w{hidden}][\w'{hidden}]*+){{0,5}}"
        r"[\s\-\"'*_`\[{(“«「『\u200c]*+(?:\b[dl]')?$",
        "before unspaced": rf"(?:{_BEFORE_UNSPACED}).{{0,12}}$",
        "after verb": rf"[\"'*_`)”»」』]*\s*(?:{'|'.join(_AFTER_VERB)})",
        "after final": rf"[\"'*_`)”»」』]*(?:{'|'.join(_AFTER_FINAL)})",
    }
    return regex.compile(patterns[name].translate(_SAME_LETTERS), flags)


def _spaced(pattern: str) -> bool:
    return regex.search(r"[\p{Han}\p{Hiragana}\p{Hangul}\p{Thai}]", pattern) is None
