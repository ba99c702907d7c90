"""Words and punctuation that allow or forbid a line break. Data only; the rules are in ``line_breaking``."""

from streamstt.text.characters import CLAUSE_ENDS


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Preferred breaks are before these: conjunctions and prepositions that begin a phrase.
PHRASE_OPENERS: dict[str, frozenset[str]] = {
    "en": _word_set("and but or so because that which who when where while if than as for with to of in on at from by"),
    "de": _word_set(
        "und oder aber sondern denn weil dass ob wenn als während damit obwohl "
        "mit von zu zum zur in im an am auf für bei nach aus um durch gegen ohne"
    ),
    "fr": _word_set(
        "et ou mais donc car que qui dont quand si comme où lorsque parce puisque "
        "avec pour dans sur sous de des du à au aux par sans en chez vers"
    ),
    "es": _word_set(
        "y e o u pero sino que porque cuando si como donde aunque mientras "
        "con para por en de del a al sin desde hasta entre sobre"
    ),
}

# Units stay with the number before them; case and punctuation after them are ignored.
UNITS = _word_set(
    "% ‰ ° °c °f € $ £ ¥ "
    "percent hundred thousand million millions billion billions trillion dozen o'clock o’clock am pm a.m p.m "
    "mm cm m km mg g kg t ml l ms s sec min h hz khz mhz ghz kb mb gb tb w kw v mph km/h ft lb lbs oz mi "
    "degrees dollars euros euro pounds yen cents "
    "prozent tausend million millionen mio milliarde milliarden mrd uhr grad "
    "mille milliard milliards heures mil millón millones horas"
)
# Number words: units stay with them as with digits.
NUMERALS = _word_set(
    "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty seventy "
    "eighty ninety hundred thousand million millions billion billions trillion dozen "
    "tausend millionen mio milliarde milliarden mrd mille milliard milliards mil millón millones"
)
# Units in languages without spaces.
COUNTERS = frozenset("年月日時时分秒人円元百千万萬億亿個个度歳岁回％%")

# Titles stay with the name after them; they are capitalized, with or without a full stop.
TITLES = _word_set("Mr Mrs Ms Mx Dr Prof St Rev Hon Herr Frau Mme Mlle Sr Sra Srta")
# Titles only with the full stop: without it they are other words or names.
DOTTED_TITLES = _word_set("M. Gen. Col. Capt. Lt. Sgt. Sen. Gov. Rep. Pres. Fr. Mt.")

CLOSERS = ")]}）］｝〕〉》」』】〙〗’”»›'\""
# These may follow the end of a sentence or clause: also quotation marks that only some languages close with.
END_CLOSERS = CLOSERS + "“‘«‹"
# Not at the start of a line: also small kana, repetition marks, and Thai and Lao vowels that follow their letter.
NO_LINE_START = frozenset("".join(CLAUSE_ENDS) + CLOSERS + "ー々ゝヽぁぃぅぇぉっゃゅょァィゥェォッャュョ・％%ๆฯะาำๅະາຳ")
# Not at the end of a line: also Thai and Lao vowels that precede their letter.
NO_LINE_END = frozenset("([{（［｛〔〈《「『【〘〖‘“„‚«‹¿¡เแโใไເແໂໃໄ")
NUMBER_SEPARATORS = ".,'’:/–-"
