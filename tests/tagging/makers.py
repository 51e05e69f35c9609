"""Makes up values of many kinds, from a seed: documents, codes, and what must not be taken for them."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable

from redactor.tagging.checks import mrz_digit

Maker = Callable[[random.Random], str]


def digits(r: random.Random, n: int) -> str:
    return "".join(r.choice(string.digits) for _ in range(n))


def itin(r: random.Random) -> str:
    group = r.choice([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])
    form = r.choice(["9{}-{}-{}", "9{}{}{}"])
    return form.format(digits(r, 2), group, digits(r, 4))


def ssn(r: random.Random) -> str:
    area = r.choice([a for a in range(1, 900) if a != 666])
    return f"{area:03}-{r.randrange(1, 100):02}-{r.randrange(1, 10000):04}"


def mrz(r: random.Random) -> str:
    """The second line of a passport's zone."""
    number = "".join(r.choice(string.ascii_uppercase + string.digits) for _ in range(9))
    born = f"{r.randrange(100):02}{r.randrange(1, 13):02}{r.randrange(1, 29):02}"
    ends = f"{r.randrange(25, 35):02}{r.randrange(1, 13):02}{r.randrange(1, 29):02}"
    front = number + mrz_digit(number) + r.choice(["MEX", "GTM", "SLV", "PHL", "D<<"]) + born + mrz_digit(born)
    back = r.choice("MF<") + ends + mrz_digit(ends) + "<" * 14 + "0"
    line = front + back
    return line + mrz_digit(line[0:10] + line[13:20] + line[21:43])


def whole_mrz(r: random.Random) -> str:
    return ("P<MEX" + "".join(r.choice(string.ascii_uppercase) for _ in range(9)) + "<<ANA").ljust(44, "<") + mrz(r)


def one_of(*words: str) -> Maker:
    return lambda r: r.choice(words)


PROTECTED: dict[str, tuple[str, Maker]] = {
    "A-number with prefix": ("documentary", lambda r: "A" + digits(r, 9)),
    "A-number printed": ("documentary", lambda r: f"A{digits(r, 3)}-{digits(r, 3)}-{digits(r, 3)}"),
    "A-number, eight digits": ("documentary", lambda r: "A" + digits(r, 8)),
    "A-number, padded, bare": ("documentary", lambda r: r.choice("02") + digits(r, 8)),
    "ITIN": ("documentary", itin),
    "SSN": ("documentary", ssn),
    "SSN or ITIN": ("documentary", lambda r: itin(r) if r.random() < 0.2 else ssn(r)),
    "passport zone, line 2": ("documentary", mrz),
    "passport zone, whole": ("documentary", whole_mrz),
    "USCIS receipt": ("documentary", lambda r: r.choice(["EAC", "WAC", "IOE", "LIN", "MSC"]) + digits(r, 10)),
    "I-94": ("documentary", lambda r: digits(r, 9) + r.choice(string.ascii_uppercase) + digits(r, 1)),
    "SEVIS": ("documentary", lambda r: "N00" + digits(r, 8)),
    "visa class": ("documentary", one_of("F1", "H1B", "J1", "B2", "H2A", "L1A", "U1", "TN", "F2", "K1")),
    "visa class, hyphens": ("documentary", one_of("F-1", "H-1B", "J-1", "B-2", "H-2A", "L-1", "U-1", "T-1")),
    "class of admission": ("documentary", one_of("IR1", "RE6", "AS6", "F11", "DV1", "SQ6", "CR1", "SI1")),
    "CURP": ("documentary", one_of("HEGG560427MVZRRL04")),
    "country codes, two": ("origin", one_of("MX", "US", "GT", "SV", "HN", "CN", "PH", "VN", "AF", "UA", "IN", "CO")),
    "country codes, three": ("origin", one_of("MEX", "USA", "GTM", "SLV", "HND", "CHN", "PHL", "VNM", "AFG")),
    "country codes, numbers": ("origin", one_of("484", "840", "320", "222", "340", "156", "608", "704", "004")),
    "countries": ("origin", one_of("Mexico", "Guatemala", "El Salvador", "China", "Philippines", "United States")),
    "countries, Spanish": ("origin", one_of("México", "Estados Unidos", "Haití", "Perú", "Afganistán", "Ucrania")),
    "countries, French": (
        "origin",
        one_of("Mexique", "États-Unis", "Côte d’Ivoire", "Inde", "Viêt Nam", "Royaume-Uni"),
    ),
    "countries, Portuguese": (
        "origin",
        one_of("México", "Estados Unidos", "Guiné-Bissau", "Índia", "Vietnã", "Coreia do Sul"),
    ),
    "countries, Chinese and Korean": ("origin", one_of("中国", "美国", "墨西哥", "越南", "대한민국", "필리핀")),
    "countries, as agencies write them": (
        "origin",
        one_of(
            "KOREA, SOUTH", "CHINA MAINLAND", "BOSNIA-HERZEGOVINA", "CONGO DEM REP", "CENTRAL AFRICAN REPUBLIC", "USSR"
        ),
    ),
    "nationalities, rarer": (
        "origin",
        one_of("Togolese", "Mauritanian", "Kyrgyz", "I-Kiribati", "Belizean", "Azerbaijani"),
    ),
    "nationalities, French": (
        "origin",
        one_of("Marocaine", "Ivoirien", "Haïtienne", "Brésilien", "Ukrainienne", "Malien"),
    ),
    "nationalities": ("origin", one_of("Mexican", "Salvadoran", "Chinese", "Filipino", "Afghan", "American")),
    "restricted aid codes": ("programme", one_of("C1", "D2", "5F", "58", "3V", "1U", "7C", "D9", "M0")),
    "aid codes, mixed": ("programme", one_of("30", "34", "M1", "5F", "10", "1H", "60", "3V", "58", "38", "M3")),
    "status": ("direct", one_of("US Citizen", "LPR", "Refugee", "Asylee", "Undocumented", "TPS")),
    "status, Spanish": ("direct", one_of("Ciudadano", "Residente permanente", "Refugiado", "Indocumentado")),
    "status, a benefits list": (
        "direct",
        one_of(
            "Lawful Permanent Resident (LPR/Green Card Holder)", "Cuban/Haitian entrant", "Battered noncitizen", "Other"
        ),
    ),
    "status, attestations": (
        "direct",
        one_of("A citizen of the United States", "A lawful permanent resident", "An alien authorized to work"),
    ),
    "status, codes in words": ("direct", one_of("US_CITIZEN", "ALIEN_LAWFULLY_PRESENT", "LAWFUL_PERMANENT_RESIDENT")),
    "status, French": (
        "direct",
        one_of("Réfugié", "Demandeur d’asile", "Citoyen", "Sans papiers", "Résident permanent"),
    ),
    "visas, a firm's list": ("documentary", one_of("F-1 OPT", "H4 EAD", "H-1B", "EB-3", "L-1A", "TN", "Green Card")),
    "immigration papers": (
        "documentary",
        one_of("I-327 (Reentry Permit)", "I-551 (Permanent Resident Card)", "Unexpired Foreign Passport", "I-797"),
    ),
    "identity documents, Colombian": (
        "documentary",
        one_of(
            "Cédula de Ciudadanía (CC)", "Cédula de Extranjería (CE)", "Pasaporte (PP)", "Tarjeta de Identidad (TI)"
        ),
    ),
    "identity documents": (
        "documentary",
        one_of("Passport", "Driver License", "Matricula Consular", "Foreign Passport"),
    ),
}
"""Kind -> (label, maker). In a column of any name, in any table, these must be found."""

HARMLESS: dict[str, Maker] = {
    "supervision": one_of("Parole", "Probation", "Released", "Pending", "Expired"),
    "protective orders": one_of("Protected person", "Restrained person", "Applicant", "Petitioner"),
    "kinds of person": one_of("Student", "Visitor", "Resident", "Local", "Dependent"),
    "proofs of residence": one_of("Lease", "Pay stub", "Utility bill", "Bank statement", "Court order", "Letter"),
    "numbers by kind": one_of("SSN", "EIN", "Tax ID", "Employee ID", "Student ID"),
    "cats": one_of("Siamese", "Persian", "Domestic Shorthair", "Maine Coon", "Ragdoll", "Bengal"),
    "first names that are places": one_of("Jordan", "Chad", "Maria", "James", "Dane", "Roman", "Israel", "Ana", "Luis"),
    "order numbers in sequence": lambda r: f"{100_000_000 + r.randrange(40_000)}",
    "order numbers with prefix": lambda r: f"ORD-{digits(r, 8)}",
    "money": lambda r: f"{r.uniform(1, 9000):.2f}",
    "UUIDs": lambda r: str(uuid.UUID(int=r.getrandbits(128), version=4)),
    "dates": lambda r: f"20{r.randrange(10, 26):02}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}",
    "times": lambda r: f"2025-01-{r.randrange(1, 29):02} {r.randrange(24):02}:{r.randrange(60):02}:00",
    "ZIPs": lambda r: f"9{digits(r, 4)}",
    "ZIP+4": lambda r: f"9{digits(r, 4)}-{digits(r, 4)}",
    "US states": one_of("CA", "NV", "OR", "TX", "WA", "CO", "AZ", "IL", "IN"),
    "Californian counties": one_of("Sacramento", "Yolo", "Placer", "Alameda"),
    "language levels": one_of("A1", "A2", "B1", "B2", "C1", "C2"),
    "letter grades": one_of("A", "B", "C", "D", "F"),
    "yes and no": one_of("Y", "N"),
    "sí y no": one_of("SI", "NO"),
    "ticket states": one_of("open", "closed", "pending", "resolved"),
    "currencies": one_of("USD", "MXN", "EUR", "CAD"),
    "card brands": one_of("Visa", "Mastercard", "Amex", "Discover"),
    "room numbers": lambda r: f"{r.choice('ABC')}{r.randrange(100, 400)}",
    "small numbers": lambda r: str(r.randrange(1, 400)),
    "booleans": one_of("true", "false"),
    "hashes": lambda r: f"{r.getrandbits(256):064x}",
    "ISBNs": lambda r: "978" + digits(r, 10),
    "part numbers": lambda r: f"{r.choice(['PX', 'QZ'])}{digits(r, 6)}",
    "file names": lambda r: f"scan_{digits(r, 5)}.pdf",
    "versions": lambda r: f"{r.randrange(9)}.{r.randrange(20)}.{r.randrange(50)}",
    "colours": one_of("red", "green", "blue", "black", "white"),
    "weekdays": one_of("Mon", "Tue", "Wed", "Thu", "Fri"),
    "grades": one_of("K", "01", "02", "03", "12"),
    "units": one_of("kg", "lb", "cm", "m"),
    "seats": lambda r: f"{r.choice('ABCDEF')}{r.randrange(1, 10)}",
    "ages": lambda r: str(r.randrange(18, 95)),
    "units of sale": one_of("EA", "LB", "PK", "CS", "BX", "CT"),
    "airports": one_of("SMF", "SFO", "LAX", "OAK", "JFK", "ORD"),
    "ten-digit accounts": lambda r: "4" + digits(r, 9),
    "nine-digit accounts": lambda r: r.choice("3456") + digits(r, 8),
    "percentages": lambda r: f"{r.uniform(0, 100):.1f}%",
}
"""Kind -> maker. In a column of no telling name, these must not be taken for anything."""

LOOK_ALIKES: dict[str, Maker] = {
    "phones": lambda r: f"916-{digits(r, 3)}-{digits(r, 4)}",
    "phones, bare": lambda r: "916" + digits(r, 7),
    "language codes": one_of("en", "es", "zh", "vi", "tl", "ru", "hy", "fa", "ko"),
    "languages": one_of("English", "Spanish", "Cantonese", "Vietnamese", "Russian", "Hmong"),
    "currencies, small": one_of("usd", "mxn", "eur", "cad", "gbp"),
    "invoices": lambda r: f"N{digits(r, 8)}",
    "parcels in transit": lambda r: "1Z" + digits(r, 16),
    "e-mails": lambda r: f"u{digits(r, 4)}@example.org",
    "months": one_of("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    "sizes": one_of("S", "M", "L", "XL", "XXL"),
    "court departments": lambda r: f"{r.choice('ABCDE')}-{r.randrange(1, 60)}",
    "state names": one_of("California", "Nevada", "Oregon", "Texas", "New Mexico", "Georgia"),
    "room types": one_of("A1", "A2", "B1", "STU", "PH"),
    "payment brands and kinds": one_of("Visa", "Visa Debit", "Mastercard", "Cash", "Check"),
}
"""What must not be taken for anything of the core labels; some of it is rightly suggested as trace or proxy."""
