// Words that decide where a line may be broken. Only lists: caption_lines.js has the rules. The same lists as in
// streamstt/text/line_break_data.py.

const words = (text) => new Set(text.split(" "));

/** A line is preferably broken before these: conjunctions and prepositions that begin a phrase. */
export const OPENERS = {
  en: words("and but or so because that which who when where while if than as for with to of in on at from by"),
  de: words(
    "und oder aber sondern denn weil dass ob wenn als während damit obwohl " +
      "mit von zu zum zur in im an am auf für bei nach aus um durch gegen ohne",
  ),
  fr: words(
    "et ou mais donc car que qui dont quand si comme où lorsque parce puisque " +
      "avec pour dans sur sous de des du à au aux par sans en chez vers",
  ),
  es: words(
    "y e o u pero sino que porque cuando si como donde aunque mientras " +
      "con para por en de del a al sin desde hasta entre sobre",
  ),
};

/** These stay with the number before them. */
export const UNITS = words(
  "% ‰ ° °c °f € $ £ ¥ " +
    "percent hundred thousand million millions billion billions trillion dozen o'clock o’clock am pm a.m p.m " +
    "mm cm m km mg g kg t ml l ms s sec min h hz khz mhz ghz kb mb gb tb w kw v mph km/h ft lb lbs oz mi " +
    "degrees dollars euros euro pounds yen cents " +
    "prozent tausend million millionen mio milliarde milliarden mrd uhr grad " +
    "mille milliard milliards heures mil millón millones horas",
);

/** Numbers written as words, which have units as digits do. */
export const NUMERALS = words(
  "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty seventy " +
    "eighty ninety hundred thousand million millions billion billions trillion dozen " +
    "tausend millionen mio milliarde milliarden mrd mille milliard milliards mil millón millones",
);

/** Units in languages without spaces. */
export const COUNTERS = new Set("年月日時时分秒人円元百千万萬億亿個个度歳岁回％%");

/** These stay with the name after them if they are capitalized. */
export const TITLES = words("Mr Mrs Ms Mx Dr Prof St Rev Hon Herr Frau Mme Mlle Sr Sra Srta");
export const DOTTED_TITLES = words("M. Gen. Col. Capt. Lt. Sgt. Sen. Gov. Rep. Pres. Fr. Mt.");
