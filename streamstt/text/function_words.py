"""Small words that lean on the next one, by language. Data only.

A reader does not pause after them, so no caption ends there; with a capital letter they begin a sentence.
"""


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Articles, prepositions, conjunctions, auxiliaries, possessives, subject pronouns.
FUNCTION_WORDS: dict[str, frozenset[str]] = {
    "en": _word_set(
        "a an the this these those my your his her its our their whose every each some any no to of in on at by for "
        "with from into onto about over under between among through during until till before after since against "
        "toward towards upon within without across behind beyond despite per via than as like near and or but nor "
        "so because if when while although though unless whether where that which who whom what how why am is are "
        "was were be been being have has had having do does did will would shall should can could may might must "
        "i'm i've i'll i'd you're you've you'll we're we've we'll they're they've they'll he's she's it's that's "
        "there's isn't aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't won't wouldn't can't cannot "
        "couldn't shouldn't gonna wanna i he she we they not very too more most just only also quite rather such "
        "even both either neither mr mrs dr"
    ),
    "de": _word_set(
        "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner mein meine meinen "
        "meinem meiner dein deine sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer unser unsere unseren "
        "euer dieser diese dieses diesen diesem jeder jede jedes jeden jedem welche welcher welches in im ins an am "
        "ans auf aufs aus bei beim mit nach von vom zu zum zur für durch gegen ohne um über unter vor vorm hinter "
        "neben zwischen seit bis während wegen trotz statt ab pro per und oder aber denn sondern weil dass daß ob "
        "wenn als wie obwohl damit bevor nachdem sobald falls wo was wer bin bist ist sind seid war waren wäre "
        "wären habe hast hat haben hatte hatten hätte hätten werde wirst wird werden wurde wurden würde würden kann "
        "kannst können konnte könnte muss müssen musste soll sollen sollte will wollen wollte darf dürfen mag "
        "möchte möchten ich du er es wir man nicht sehr so zu auch nur noch schon ganz mehr"
    ),
    "fr": _word_set(
        "le la les l un une des du de d au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre "
        "vos leur leurs chaque quelque quelques plusieurs tout toute tous quel quelle quels quelles à en dans sur "
        "sous par pour avec sans chez vers entre pendant depuis avant après contre dès jusque jusqu'à selon malgré "
        "parmi hors et ou mais donc or ni car que qui dont où quand si comme lorsque puisque parce quoique suis es "
        "est sommes êtes sont étais était étions étaient sera seront serait être été ai as a avons avez ont avais "
        "avait avions avaient aura auront aurait avoir peut peux peuvent pouvait doit doivent devait va vais vont "
        "allait veut veux veulent fait je tu il elle on nous vous ils elles j me te se ne n y pas plus très trop si "
        "aussi bien c'est j'ai il'a qu'il qu'elle n'est d'un d'une"
    ),
    "es": _word_set(
        "el la los las un una unos unas lo del al este esta estos estas ese esa esos esas mi mis tu tus su sus "
        "nuestro nuestra nuestros nuestras cada algún alguna algunos algunas todo toda todos todas qué cuál a ante "
        "bajo con contra de desde durante en entre hacia hasta para por según sin sobre tras mediante y e o u ni "
        "pero sino que porque si cuando como aunque donde mientras pues quien cuyo cuya soy eres es somos son era "
        "eran fue fueron será serán sería ser sido estoy está estamos están estaba estaban he has ha hemos han "
        "había habían haber puede puedo pueden podía debe deben va voy van quiere quiero yo él ella nosotros ellos "
        "ellas me te se nos os le les no muy más tan también ya"
    ),
    "it": _word_set(
        "il lo la i gli le l un uno una un' questo questa questi queste quel quella quello quei quelle mio mia miei "
        "mie tuo tua suo sua suoi sue nostro nostra nostri nostre loro ogni qualche di a da in con su per tra fra "
        "del dello della dei degli delle al allo alla ai agli alle dal dallo dalla dai dagli dalle nel nello nella "
        "nei negli nelle sul sullo sulla sui sugli sulle col senza verso contro durante dopo prima fino sotto sopra "
        "e ed o ma né che perché se quando come dove mentre anche sebbene poiché cui chi sono sei è siamo siete era "
        "erano sarà saranno sarebbe essere stato stata ho hai ha abbiamo avete hanno avevo aveva avevano avrà può "
        "posso possono deve devo devono va vado vanno vuole voglio io tu lui lei noi voi mi ti si ci vi ne non "
        "molto più così"
    ),
    "pt": _word_set(
        "o a os as um uma uns umas este esta estes estas esse essa esses essas aquele aquela meu minha meus minhas "
        "seu sua seus suas nosso nossa nossos nossas cada algum alguma todo toda todos todas qual de do da dos das "
        "em no na nos nas num numa por pelo pela pelos pelas para pra com sem sob sobre entre até após desde contra "
        "durante ao à aos às perante e ou mas nem que porque se quando como onde enquanto embora pois quem cujo "
        "cuja sou é somos são era eram foi foram será serão seria ser sido estou está estamos estão estava estavam "
        "tenho tem temos têm tinha tinham ter pode posso podem podia deve devem vai vou vão quer quero eu tu ele "
        "ela nós eles elas me te lhe não muito mais tão também já"
    ),
    "nl": _word_set(
        "de het een dit dat deze die mijn jouw je zijn haar ons onze hun uw elk elke ieder iedere geen van in op "
        "aan bij met naar voor door over onder uit tot tegen zonder om tussen na sinds tijdens langs per vanaf en "
        "of maar want omdat dat als wanneer terwijl hoewel toen dan zodat waar wie wat welke ben bent is was waren "
        "heb hebt heeft hebben had hadden word wordt worden werd werden zal zullen zou zouden kan kunnen kon konden "
        "moet moeten moest mag mogen wil willen wilde ga gaat gaan ik jij hij zij ze we wij te niet zeer heel ook "
        "nog al meer"
    ),
    "pl": _word_set(
        "ten ta to te ci tego tej tych mój moja moje twój twoja swój swoja nasz nasza wasz jego jej ich każdy każda "
        "w we z ze do na o od po przy przez dla bez pod nad przed za u między ku według podczas wśród poza i a lub "
        "albo ale że żeby aby bo ponieważ gdy kiedy jeśli jeżeli jak gdzie który która które którzy co kto czy jest "
        "są był była było byli będzie będą być został została może mogą mógł musi muszą chce chcę ja ty on ona my "
        "wy oni się nie bardzo tak już też tylko"
    ),
    "ru": _word_set(
        "этот эта это эти тот та те мой моя моё мои твой твоя свой своя свои наш наша наши ваш ваша его её их "
        "каждый в во на с со к ко о об от до из у за по под над при для без через перед между про около после среди "
        "ради и а но или либо что чтобы если когда как где куда потому хотя пока который которая которое которые "
        "кто был была было были будет будут быть есть может могут мог должен должна нужно надо я ты он она мы вы "
        "они не ни очень так уже ещё только бы же ли"
    ),
}

# More words that begin a sentence.
OTHER_STARTERS: dict[str, frozenset[str]] = {
    "en": _word_set(
        "it you that there here then now today yesterday tomorrow well yes no okay ok please thanks thank let let's "
        "however perhaps maybe another someone everyone nobody nothing everything something later once finally "
        "first again still yet instead meanwhile mine yours hers ours theirs"
    ),
    "de": _word_set(
        "sie ihr dann da dort hier jetzt heute gestern morgen danach deshalb deswegen also ja nein bitte danke "
        "trotzdem außerdem später vielleicht manche viele alle"
    ),
    "fr": _word_set("cela ça ceci alors ensuite puis ici là aujourd'hui hier demain oui non merci peut-être c'est"),
    "es": _word_set("entonces luego después aquí allí ahí hoy ayer mañana sí gracias eso esto usted ustedes hay"),
    "it": _word_set("poi allora qui lì oggi ieri domani sì no grazie forse c'è ciò essi loro quindi"),
    "pt": _word_set("então depois aqui ali lá hoje ontem amanhã sim obrigado obrigada isso isto você vocês há"),
    "nl": _word_set("het er daar hier nu vandaag gisteren morgen daarna ja nee dank jullie dus misschien toch"),
    "pl": _word_set("potem tam tutaj tu teraz dzisiaj wczoraj jutro tak nie dziękuję proszę to więc może pan pani"),
    "ru": _word_set("потом там здесь тут теперь сейчас сегодня вчера завтра да нет спасибо всё все тогда поэтому"),
}

# Spoken signs of web and mail addresses.
ADDRESS_SIGNS: dict[str, frozenset[str]] = {
    "en": _word_set("dot slash underscore backslash www com org net"),
    "de": _word_set("punkt slash unterstrich www com org"),
    "fr": _word_set("point slash arobase www com org"),
    "es": _word_set("punto barra arroba www com org"),
    "it": _word_set("punto chiocciola slash www com org"),
    "pt": _word_set("ponto barra arroba www com org"),
    "nl": _word_set("punt apenstaartje slash www com org"),
    "pl": _word_set("kropka małpa ukośnik www com org"),
    "ru": _word_set("точка собака слэш"),
}
