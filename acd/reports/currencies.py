"""Currencies: codes that money is paid in, and how many digits stand behind the point.

ISO 4217, list one (SIX, amendments up to 179, 2025); without funds, metals and test codes.
"""

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED
VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_WITHOUT_MINOR = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"

CURRENCIES = frozenset(_CODES.split())

_DIGITS = {**dict.fromkeys(_WITHOUT_MINOR.split(), 0), **dict.fromkeys(_THOUSANDTHS.split(), 3)}
"Minor units other than hundredths."


def minor_digits(currency: str) -> int:
    """Return how many digits of an amount stand behind the point."""
    return _DIGITS.get(currency, 2)


def known_currency(code: str) -> str:
    """Return the code, or nothing for none. Raises ValueError for one that does not exist."""
    if code and code not in CURRENCIES:
        hint = "; that of the renminbi is CNY" if code.upper() in {"RMB", "CNH"} else ""
        raise ValueError(
            f"currency must be a code of ISO 4217, in capitals, such as CNY{hint}: not {code!r}"
        )
    return code
