"""Words and signs that say where a line may be broken, and where not. Only lists; ``lines`` has the rule."""


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Before these a line is broken rather than elsewhere: conjunctions and prepositions that begin a phrase.
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

# These stay with the number before them. Without regard to case, and to signs behind them.
UNITS = _word_set(
    "% ‰ ° °c °f € $ £ ¥ "
    "percent hundred thousand million millions billion billions trillion dozen o'clock o’clock am pm a.m p.m "
    "mm cm m km mg g kg t ml l ms s sec min h hz khz mhz ghz kb mb gb tb w kw v mph km/h ft lb lbs oz mi "
    "degrees dollars euros euro pounds yen cents "
    "prozent tausend million millionen mio milliarde milliarden mrd uhr grad "
    "mille milliard milliards heures mil millón millones horas"
)
# Numbers in words, which have units as those in figures do.
NUMERALS = _word_set(
    "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty seventy "
    "eighty ninety hundred thousand million millions billion billions trillion dozen "
    "tausend millionen mio milliarde milliarden mrd mille milliard milliards mil millón millones"
)
# Units in languages without spaces.
COUNTERS = frozenset("年月日時时分秒人円元百千万萬億亿個个度歳岁回％%")

# These stay with the name after them, when they are written with a capital letter, with a full stop or without.
TITLES = _word_set("Mr Mrs Ms Mx Dr Prof St Rev Hon Herr Frau Mme Mlle Sr Sra Srta")
DOTTED_TITLES = _word_set(
    "M. Gen. Col. Capt. Lt. Sgt. Sen. Gov. Rep. Pres. Fr. Mt."
)  # words, or names, too, without it

# Signs that end a clause; behind them may stand those that close a quotation or a parenthesis.
CLAUSE_END_SIGNS = ".?!…,;:،؛؟۔।。？！、，；：．｡､"
CLOSERS = ")]}）］｝〕〉》」』】〙〗’”»›'\""
# No line begins with these, or with small kana, marks of repetition, or Thai and Lao vowels that follow their letter.
NO_LINE_START = frozenset(CLAUSE_END_SIGNS + CLOSERS + "ー々ゝヽぁぃぅぇぉっゃゅょァィゥェォッャュョ・％%ๆฯะาำๅະາຳ")
# No line ends with these, or with Thai and Lao vowels that stand before their letter.
NO_LINE_END = frozenset("([{（［｛〔〈《「『【〘〖‘“«‹¿¡เแโใไເແໂໃໄ")
NUMBER_SEPARATORS = ".,'’:/–-"
