"""What stands around a number: currencies and units of measure."""

import re

SIGNS = "$€£¥₹₩₽₺¢"
CODES = """
    US$ R$ C$ A$ EUR USD GBP CHF JPY CNY INR SEK NOK DKK PLN CZK HUF CAD AUD NZD BRL MXN
    ZAR TRY RUB KRW Rs. Rs kr. kr Fr.
"""
CURRENCIES = frozenset([*CODES.split(), *SIGNS])

# Units that one number may have and the next not; others count if all have them.
MEASURES = """
    % ‰ ° °C °F kg g mg µg t lb lbs oz km m cm mm µm in ft mi yd l L ml mL cl h hr hrs
    min s sec ms d days y yr yrs years Pa kPa hPa bar mbar psi mV mA kW kWh MWh Wh Hz
    kHz MHz GHz kB KB MB GB TB bpm mmHg mg/dL mg/dl mmol/L mmol/l km/h mph m/s m² m³
    m2 m3 km² km2 ha px pt pcs
"""
UNITS = frozenset(MEASURES.split())

# What multiplies the number is no unit: "12k" and "950" are not of the same size.
MULTIPLES = frozenset("kMBGT")

# A pattern: the longest first.
CURRENCY = "|".join(
    re.escape(text) for text in sorted(CURRENCIES, key=lambda text: (-len(text), text))
)


def is_known(unit: str) -> bool:
    """Say whether this is a unit or a currency whatever the column."""
    return unit in UNITS or unit in CURRENCIES


def may_be_unit(suffix: str) -> bool:
    """Refuse single letters that are no unit: "12A" is a code."""
    known = is_known(suffix) or suffix in MULTIPLES
    return known or not (len(suffix) == 1 and suffix.isalpha())
