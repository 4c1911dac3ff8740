"""Parse dates in the format that the contract declares, the same in every locale."""

import re

import pandas as pd

# Names of months, in full and shortened: English, German, French, Spanish, Italian,
# Portuguese, Dutch, Scandinavian, Polish, Russian and Turkish. A name that stands for
# different months in two languages, such as listopad, is left out.
NAMES = """
    january jan januar jänner jän janvier janv enero ene gennaio gen janeiro januari
        stycznia styczeń sty января январь янв ocak oca
    february feb februar feber février févr fév febrero febbraio fevereiro fev februari
        lutego luty февраля февраль фев şubat şub
    march mar märz mär mrz mars marzo março maart mrt marts marca marzec марта март
        мар mart
    april apr avril avr abril abr aprile kwietnia kwiecień kwi апреля апрель апр nisan
        nis
    may mai mayo maggio mag maio mei maj maja мая май may\u0131s
    june jun juni juin junio giugno giu junho czerwca czerwiec cze июня июнь июн haziran
        haz
    july jul juli juillet juil julio luglio lug julho lipca lipiec июля июль июл temmuz
        tem
    august aug août agosto ago augustus augusti sierpnia sierpień sie августа август авг
        ağustos ağu
    september sep sept septembre septiembre settembre set setembro września wrzesień wrz
        сентября сентябрь сент сен eylül eyl
    october oct oktober okt octobre octubre ottobre ott outubro out października
        październik paź октября октябрь окт ekim eki
    november nov novembre noviembre novembro ноября ноябрь ноя kas\u0131m kas
    december dec dezember dez décembre déc diciembre dic dicembre dezembro desember des
        grudnia grudzień декабря декабрь дек aral\u0131k ara
"""
MONTHS = [names.split() for names in re.split(r"\n    (?=\S)", NAMES.strip())]
ENGLISH = {name: names[0].capitalize() for names in MONTHS for name in names}

# The longest first, so that no name is taken for its beginning.
ANY_NAME = "|".join(sorted(ENGLISH, key=lambda name: (-len(name), name)))
NAME = re.compile(
    rf"(?<![^\W\d_])({ANY_NAME})(?![^\W\d_])(?:\.(?=[ ,]|$))?", re.IGNORECASE
)

# Days since 1900, as spreadsheets store dates: from 1954 to 2064.
SERIAL = r"^\s*[2-5][0-9]{4}(\.[0-9]+)?\s*$"

# Greenwich time as an offset, and quarters, which stand for their first month.
UTC = re.compile(r"(?:UTC|GMT)(?=$| \d{4}$)")
QUARTER, QUARTER_FIRST = re.compile("Q([1-4])", re.I), re.compile("([1-4])Q", re.I)


def parse_dates(texts: pd.Series, form: str) -> pd.Series:
    """Return the times that texts name, NaT for those of another format.

    Besides the directives of `strptime`, %q is the number of a quarter, beside a Q.
    Names of months may be of many languages, in full or shortened.

    Args:
        texts: Different texts, none missing.
        form: Their format.
    """
    if "%q" in form:
        quarter = QUARTER if re.search("q%q", form, re.I) else QUARTER_FIRST
        texts = texts.str.replace(
            quarter, lambda found: f"{3 * int(found[1]) - 2:02}-", regex=True
        )
        form = re.sub("q%q|%qq", "%m-", form, flags=re.IGNORECASE)
    times = _strptime(texts, form)
    failed = times.isna()
    if failed.any() and re.search("%[bBz]", form):
        short = "%b" in form
        plain = texts[failed].map(lambda text: _english(text, short=short))
        times = times.where(~failed, _strptime(plain, form))
    return times


def _strptime(texts: pd.Series, form: str) -> pd.Series:
    """Return times without zone; those with an offset are converted to UTC."""
    times = pd.to_datetime(texts, format=form, errors="coerce", utc="%z" in form)
    return pd.Series(times).dt.tz_localize(None)


def _english(text: str, *, short: bool) -> str:
    """Return a date with English names of months, and Greenwich time as an offset."""

    def name(found: re.Match[str]) -> str:
        full = ENGLISH.get(found[1].lower(), found[1])
        return full[:3] if short else full

    return UTC.sub("+0000", NAME.sub(name, text))
