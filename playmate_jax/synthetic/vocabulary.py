"""Words for the sentences of `sentences.py`: rich in the bilabials p, b and m.

Words of languages other than English have no accents, because festival's voices read those in
different encodings; they are pronounced by the rules of their language.
"""

ADJECTIVES = (
    "big small purple brown blue black bright empty simple happy humble broken open important "
    "remarkable public possible impossible beautiful similar numb calm warm common modern "
    "complex perfect proper plain precious brave bitter better double triple cheap deep ripe "
    "sharp damp steep old young green long short early famous foreign local narrow quiet "
    "rapid red second silent slow soft strong sudden white whole yellow responsible capable "
    "comfortable"
).split()
NOUNS = (
    "baby table map box paper book boat bubble poem bottle button lamp member number problem "
    "program people person place plan plate pocket picture summer spring month morning moment "
    "money mountain mother brother father family farm company computer camera market minute "
    "mirror moon music museum name lamb lip limb thumb bomb tomb comb stamp camp bump pump "
    "ship shop sheep soup tape type cup cap club cab job robe tribe tube web crab bridge "
    "branch bread breakfast building bush business butter basket bank band bell bird body "
    "bone apple april aunt arm army beach bear bed chimney climate dream drum example film "
    "flame form garden hammer home hope hospital house island jump kitchen lake letter lemon "
    "light neighbour night office opera page pain paint pair palace parent park part party "
    "path pen pencil piano pilot pipe plant point police pool port potato prize promise puppy "
    "purpose rabbit ribbon river road room rope school seat shape stomach storm street swim "
    "system team temple theme time tomato town train tree trumpet uncle umbrella valley "
    "village voice volume water weather wheel window winter woman word world worm worship"
).split()
VERBS = (
    "brings bought breaks built became begins believes bends blames borrows bumps buries "
    "pulls pushes puts paints passes pays picks places plays points prepares presents "
    "promises proves makes move mean meets mentions moves mixes misses compares completes "
    "describes drops employs explains finds follows forms gives grabs grips helps hopes "
    "imagines improves jumps keeps knows leaves likes loves maps moved names observes opens "
    "remembers removes repeats reports robs rubs saves sees shaped skips sleeps sounds stops "
    "swam takes tells thumps tips wraps wants watches wipes"
).split()
FUNCTION_WORDS = (
    "the of and a to in is you that it he was for on are as with his they at be this have "
    "from or one had by but not what all were we when your can said there use each which she "
    "do how their if will up about out many then them these some her would make like him into "
    "has look two more go see no way could my than first been call who its now find down day "
    "did get come made please maybe mama papa bob pepper tom pam ben mabel amber bobby abby "
    "philip improbable"
).split()
PREPOSITIONS = ("by behind before below above about upon from with for near under past").split()
ITALIAN = (
    "mamma papa bambino bella bene buono sempre tempo campo amico amore uomo donna capo prima "
    "dopo mare monte piede pane pesce porta ponte popolo parola prendere bere ombra gamba "
    "tomba lampada bimbo nebbia rabbia doppio troppo cappello mappa sabato settembre novembre "
    "libro albero bosco bianco acqua casa giorno grande mondo notte sole strada tutto quando "
    "dove come questo quello molto poco vino voce vento fiume fuoco famiglia figlio chiesa "
    "occhi gioco ciao sono siamo abbiamo fanno parlare mangiare di la il un che non per con "
    "una si da"
).split()
FINNISH = (
    "mina me mummo pappa poika pieni puu puhe pallo piha pilvi pimea lumi lammin lampi lammas "
    "kampa kumpi empii tumma humppa pomppu loppu kuppi kauppa leipa apu aamu ilma maa meri "
    "mies metsa muisti musta mutta muna mita samma sama tammi juoma tuoma omena hame kesa "
    "talo vesi ranta suomi kala kirja koti lapsi nainen tytto yo paiva hyva uusi vanha suuri "
    "nyt sitten ja on ei se han olla tulla menna sanoa juo syo voi koko kylla auto bussi "
    "banaani baari"
).split()
CZECH = (
    "mama maminka tata babicka baba bratr byt bily barva brambora pes pan pani pole pomoc "
    "potom pivo pravda prace prosim pohyb popel pupen pampeliska mapa malo mnoho moje moc "
    "mesto most more mrak muz maly jmeno zima zeme dum dub zub hrib chleba ryba sobota nebe "
    "obraz tabule tempo pumpa lampa bomba bambus les voda vlak vitr ulice kolo kniha skola "
    "slovo strom okno oko ruka noha hlava dobry den noc rano vecer ja ty on my vy je jsem byl "
    "bude ale nebo kdyz"
).split()
RUSSIAN = (
    "mama papa baba babushka brat bolshoy byt bely bereg bumaga pomnit pole potom pochemu "
    "pisat pismo pesnya ptitsa pravda prishel popal pamyat pomoshch mir more moy mnogo malo "
    "mesto metro moloko muzyka moskva mozhet mashina zima zemlya dom dym tam sam imya vremya "
    "obed zub hleb ryba rabota sobaka subbota nebo lampa bomba tumba shapka slovo voda gorod "
    "ulitsa doroga kniga reka noch den utro vecher okno ya ty on my vy eto byl budet ne da "
    "net kak chto gde"
).split()
