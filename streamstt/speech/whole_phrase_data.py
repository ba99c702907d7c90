"""Words of numbers, dates, measures and titles, in the languages of ``text.function_words``. Data only."""

import re


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Numbers in English, and those that are written in letters beside digits in other languages.
NUMERAL_WORDS = _word_set(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
    "millions billion billions trillion dozen "
    "tausend millionen mio milliarde milliarden mrd mille milliard milliards mil millón millones mila milioni "
    "miliardi milhão milhões bilhões duizend miljoen miljard tysiąc tysięcy milion milionów тысяча тысяч миллион "
    "миллионов"
)
ORDINAL_WORDS = _word_set(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth"
)
# Numbers in letters after which a smaller one may follow, also after a comma.
MULTIPLES = _word_set("hundred thousand million millions billion billions trillion millionen milliarden millones")
# Between two numbers.
NUMBER_JOINERS = _word_set("to point dot by times x bis komma à virgule coma virgola tot przecinek")

# Words that a number follows.
NUMBERED = _word_set(
    "number numbers no minus gate room page pages chapter flight platform section paragraph track level grade "
    "version article step phase highway route interstate extension code zip line channel exit bus train terminal "
    "seat row nummer seite kapitel zimmer raum gleis flug linie numéro chapitre chambre porte vol quai número "
    "página capítulo habitación puerta vuelo andén numero pagina capitolo stanza binario volo quarto portão voo "
    "bladzijde hoofdstuk kamer spoor numer strona rozdział pokój peron lot номер страница глава комната рейс"
)

# More signs of spelled addresses; see ``text.function_words.ADDRESS_SIGNS``.
MORE_SIGNS = _word_set("dash hyphen https http")

MONTHS = _word_set(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "januar februar märz mai juni juli oktober dezember "
    "janvier février mars avril juin juillet août septembre octobre novembre décembre "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre "
    "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro "
    "januari februari maart mei augustus "
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia "
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
WEEKDAYS = _word_set(
    "monday tuesday wednesday thursday friday saturday sunday "
    "montag dienstag mittwoch donnerstag freitag samstag sonntag "
    "lundi mardi mercredi jeudi vendredi samedi dimanche "
    "lunes martes miércoles jueves viernes sábado domingo "
    "lunedì martedì mercoledì giovedì venerdì sabato domenica "
    "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira "
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag "
    "poniedziałek wtorek środa czwartek piątek sobota niedziela "
    "понедельник вторник среда четверг пятница суббота воскресенье"
)

# Measures that are written out; abbreviations are in ``text.line_break_data.UNITS``.
MEASURE = re.compile(
    r"(?:micro|mikro|milli|mili|centi|zenti|deci|dezi|kilo|quilô|mega|giga|tera|милли|санти|кило|мега|гига)"
    r"(?:gram|gramm|met|mèt|mét|lit|watt|byte|bit|hert|volt|joul|calor|kalor|pascal|se[ck]und|грам|метр|литр|ватт|байт)"
)
MEASURES = _word_set(
    "gram grams meter meters metre metres liter liters litre litres inch inches foot feet mile miles yard yards ounce "
    "ounces pound pints gallon gallons cup cups teaspoon teaspoons tablespoon tablespoons acre acres ton tons tonnes "
    "watt watts volt volts amp amps kelvin celsius fahrenheit knots calories bytes bits "
    "second seconds minute minutes hour hours day days week weeks month months year years degree dollar cent "
    "gramm meter metern liter litern tonne stunde stunden minute minuten sekunde sekunden tag tage tagen woche "
    "wochen monat monate monaten jahr jahre jahren meilen pfund cent "
    "gramme grammes mètre mètres jour jours semaine semaines mois an ans année années heure seconde secondes degrés "
    "gramo gramos metro metros litro litros hora minuto minutos segundo segundos día días semana semanas mes meses "
    "año años grados euros dólares kilos "
    "grammi metri litri ore minuti secondi giorni settimane mesi anni gradi gramas dias anos graus reais "
    "uur minuten seconden dagen weken maanden jaar graden grama gramów metrów litrów godzin minut sekund dni tygodni "
    "miesięcy lat stopni złotych граммов метров литров часов минут секунд дней недель месяцев лет градусов рублей"
)

# Titles that are written out, with a capital letter.
TITLE_WORDS = _word_set(
    "Doctor Professor President Senator Governor General Colonel Captain Lieutenant Sergeant Judge Justice King Queen "
    "Prince Princess Pope Saint Sir Lord Lady Madam Miss Mister Minister Chancellor Secretary Mayor Sheriff Officer "
    "Detective Inspector Reverend Father Sister Brother Uncle Aunt Major Admiral Ambassador Representative "
    "Doktor Professorin Präsident Präsidentin Kanzler König Königin Präsidenten "
    "Monsieur Madame Docteur Professeur Président Roi Reine Señor Señora Doctora Profesor Presidente Rey Reina "
    "Signor Signora Dottor Professore Re Regina Senhor Senhora Doutor Rainha Meneer Mevrouw Koning Koningin Pan Pani"
)
