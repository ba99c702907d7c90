"""Abbreviations that are written with a full stop, by language. Data only; the rules are in ``sentences``.

An entry is written without its last full stop. One with a capital letter stands only for words with one: "Gen." is a
general, "gen." is not.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Abbreviations:
    """The abbreviations of a language, by what may follow them.

    Attributes:
        internal: Never the last word of a sentence: titles ("Dr."), "e.g.", "vs.".
        numbered: A number follows, or else it is a word: "No. 5", but "No. I do not."
        final: Often the last word of a sentence: "p.m.", "etc.", "Inc.".
        rarely_final: Rarely the last one, and capital letters may follow within the sentence: "S. 5", "u. a. Berlin".
    """

    internal: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()
    final: frozenset[str] = frozenset()
    rarely_final: frozenset[str] = frozenset()


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _list(internal: str = "", numbered: str = "", final: str = "", rarely_final: str = "") -> Abbreviations:
    return Abbreviations(*(_word_set(words) for words in (internal, numbered, final, rarely_final)))


# Understood in every language, after those of the language itself.
COMMON = _list(
    internal="Mr Mrs Ms Mx Dr dr Prof St vs www cf ca",
    numbered="Tel tel Vol vol",
    final="etc Inc Ltd Co Corp Jr Sr a.m p.m Ph.D",
)

ABBREVIATIONS: dict[str, Abbreviations] = {
    "en": _list(
        internal="Drs Rev Hon Messrs Gen Col Lt Sgt Capt Cmdr Cdr Adm Maj Pvt Cpl Sen Sens Rep Reps Gov Pres "
        "Supt Insp Det Fr Ste Mt Ft Asst Atty e.g i.e viz approx incl esp v Attn",
        numbered="No Nos no.s Fig Figs Vols Ch Sec Art Eq Apt Ext ext Rm fig figs vols pp p Jan Feb Mar "
        "Apr Jun Jul Aug Sep Sept Oct Nov Dec",
        final="al Bros LLC Esq Ave Blvd Rd Dept dept Bldg Univ Assn ft mi lb lbs oz hr hrs yr yrs mins temp deg Mon "
        "Tue Tues Wed Thu Thur Thurs Fri",
        rarely_final="St",
    ),
    "de": _list(
        internal="Hr Hrn Frl Dipl Ing Mag Kfm Hl z.B d.h d.i bzw vgl evtl ggf sog bspw insb inkl exkl zzgl geb "
        "max min gem i.d.R o.g zz zzt med phil rer nat jur Fa gest lt stellv",
        numbered="Nr Nrn Abb Abs Art Kap Bd Tab Jan Feb Mär Apr Jun Jul Aug Sep Sept Okt Nov Dez",
        final="usw usf u.a.m u.v.m n.Chr v.Chr Str Std",
        rarely_final="u.a u.ä o.ä s.o s.u m.E a i u o Min Mio Mrd Mo Di Mi Do Fr Sa So",
    ),
    "fr": _list(
        internal="M MM Mme Mmes Mlle Mlles Me Mgr Pr Prof Ste p.ex c.-à-d env hab",
        numbered="No no art chap fig pp p n réf tél apr janv févr juil sept oct nov déc",
        final="S.A av.J.-C",
        rarely_final="av bd ex prof",
    ),
    "es": _list(
        internal="sr sra srta sres sras dra dres dn D dña prof ing lic ud uds vd vds gral cnel sto sta arq mons EE "
        "Cap Cía p.ej aprox",
        numbered="No núm Núm n.º art pág págs cap fig n p s",
        final="a.C d.C S.L S.A Ltda EE.UU UU",
        rarely_final="av Avda a",
    ),
    "it": _list(
        internal="sig sigg sig.ra sig.na dott dott.ssa prof prof.ssa ing avv arch gent gen On Sen mons geom rag Cap "
        "Col es p.es cfr ad.es",
        numbered="n nr art pag pagg cap fig sec p s",
        final="ecc a.C d.C S.p.A S.r.l",
    ),
    "pt": _list(
        internal="sr sra sras srs srta dra prof profa eng exmo exma v.exa Exas sto sta D Gen Cel Cap Gov Min cia obs "
        "p.ex aprox",
        numbered="n núm art pág págs cap fig séc p s",
        final="Ltda S.A a.C d.C",
        rarely_final="av",
    ),
    "nl": _list(
        internal="dhr mevr mw drs dr ir ing prof mr bijv bv d.w.z m.b.t i.p.v t.a.v t.o.v i.v.m evt resp incl "
        "excl vgl zgn max min ds Past Burg",
        numbered="nr nrs art blz par afb fig p",
        final="enz e.d a.u.b v.Chr n.Chr",
        rarely_final="o.a m.n o a i",
    ),
    "pl": _list(
        internal="dr prof mgr inż hab lek np tzn tj tzw m.in ks św ul al gen płk ppłk kpt por zob red p pt im tzn ds",
        numbered="nr art str ust poz rys tab godz s t",
        final="itd itp w.w mln tys gr p.n.e n.e",
        rarely_final="ok",
    ),
    "ru": _list(
        internal="т.е т.к т.н т.ч чл.-корр им ул оз пл просп д-р проф акад г-н г-жа см ср ок напр св гр тов доц "
        "ген полк",
        numbered="стр рис гл ст табл п с тел",
        final="т.д т.п др пр руб коп тыс мин",
        rarely_final="гг вв е э",
    ),
    "uk": _list(
        internal="т.е т.зв ім вул просп д-р проф акад див напр св гр тов доц ген",
        numbered="стор рис гл ст табл п с",
        final="т.д т.п ін грн коп млн тис",
        rarely_final="рр е",
    ),
    "sv": _list(
        internal="t.ex bl.a dvs s.k kl ang resp inkl f.d",
        numbered="nr s kap fig",
        final="osv m.m m.fl o.s.v dyl",
    ),
    "da": _list(
        internal="f.eks bl.a dvs s.k kl ang hr fr pga mht",
        numbered="nr s kap fig",
        final="osv m.m m.fl mv",
    ),
    "no": _list(
        internal="f.eks bl.a dvs s.k kl ang hr pga mht",
        numbered="nr s kap fig",
        final="osv m.m m.fl mv",
    ),
    "fi": _list(
        internal="esim ns mm klo tri ts",
        numbered="s nro kpl",
        final="jne ym yms",
    ),
    "cs": _list(
        internal="např tzv tj resp p pí Ing Mgr MUDr JUDr RNDr Bc doc prof ul nám sv",
        numbered="č s čl obr odst",
        final="atd apod aj Kč",
    ),
    "sk": _list(
        internal="napr tzv tj resp p pí Ing Mgr MUDr JUDr RNDr Bc doc prof ul nám sv",
        numbered="č s čl obr ods",
        final="atď apod",
    ),
    "hu": _list(
        internal="pl kb ún ill özv ifj id",
        numbered="sz old",
        final="stb",
    ),
    "ro": _list(
        internal="dl dna dra dr prof ing str bd ex",
        numbered="nr art pag cap fig",
        final="ș.a.m.d etc",
    ),
    "tr": _list(
        internal="Av Sn Bkz bkz Doç Yrd Öğr örn",
        numbered="No s",
        final="vb vd",
    ),
    "el": _list(
        internal="κ κα κ.κ δρ Δρ καθ π.χ δηλ βλ",
        numbered="αρ σελ",
        final="κ.λπ κ.ά π.μ μ.μ π.Χ μ.Χ",
    ),
    "ar": _list(
        internal="د أ م ا",
    ),
    "hi": _list(
        internal="डॉ प्रो श्री कु",
    ),
}

# "am 3. Mai": here a full stop after a number of one or two digits makes it ordinal.
ORDINAL_LANGUAGES = _word_set("de pl cs sk da no nn fi hu hr sl sr bs et lv is tr lb fo mk")

# Capitalized words that follow "p.m." in the same sentence.
AFTER_TIME = _word_set(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August "
    "September October November December Eastern Central Mountain Pacific Atlantic Greenwich"
)

# Words of these alone are abbreviations: "kg", "bzgl", "млрд".
CONSONANTS = frozenset("bcdfghjklmnpqrstvwxzßçćčďđğłñňřśšşťźžżбвгджзклмнпрстфхцчшщβγδζθκλμνξπρστφχψς")
