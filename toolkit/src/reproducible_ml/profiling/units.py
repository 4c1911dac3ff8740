"""Currencies, units and multiples that stand beside numbers."""

SIGNS = "$€£¥₹₩₽₺¢"
CODES = """
    US$ R$ C$ A$ EUR USD GBP CHF JPY CNY INR SEK NOK DKK PLN CZK HUF CAD AUD NZD BRL MXN
    ZAR TRY RUB KRW Rs. Rs kr. kr Fr.
"""
CURRENCIES = frozenset([*CODES.split(), *SIGNS])

# Units that some numbers may lack; other units count only if all numbers have them.
MEASURES = """
    % ‰ ° °C °F kg g mg µg t lb lbs oz km m cm mm µm in ft mi yd l L ml mL cl h hr hrs
    min s sec ms d days y yr yrs years Pa kPa hPa bar mbar psi mV mA kW kWh MWh Wh Hz
    kHz MHz GHz kB KB MB GB TB bpm mmHg mg/dL mg/dl mmol/L mmol/l km/h mph m/s m² m³
    m2 m3 km² km2 ha px pt pcs
"""
UNITS = frozenset(MEASURES.split())

# Units in another case, such as KG; of one letter, they may be another unit.
FOLDED_UNITS = frozenset(unit.casefold() for unit in UNITS if len(unit) > 1)

# Multiples are not units: "12k" and "950" differ in size.
MULTIPLES = frozenset("kKMBGT")
WORDS = """
    k m b g t mn mm bn mio mio. mrd mrd. tsd tsd. million millions billion billions
    thousand lakh crore cr mil
"""
FOLDED_MULTIPLES = frozenset(WORDS.split())


def is_unit(unit: str) -> bool:
    """Return whether this is a known unit or currency."""
    known = unit in UNITS or unit in CURRENCIES
    return known or unit.casefold() in FOLDED_UNITS or unit.upper() in CURRENCIES


def may_be_unit(suffix: str) -> bool:
    """Return whether a suffix may be a unit; single letters are codes, as in "12A"."""
    known = is_unit(suffix) or suffix in MULTIPLES
    return known or not (len(suffix) == 1 and suffix.isalpha())
