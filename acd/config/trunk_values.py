"""trunks.yaml as `acd.sip` takes it."""

from acd.sip import trunk_settings as sip
from acd.sip.phone_numbers import NumberFormat, to_e164

from .trunk_secrets import Passwords
from .trunks import Register, Trunk, Trunks


def trunk_settings(trunks: Trunks, passwords: Passwords) -> tuple[sip.TrunkSettings, ...]:
    """Return all trunks, in the order of the file."""
    return tuple(_settings(name, trunk, passwords) for name, trunk in trunks.trunks.items())


def _registration(register: Register) -> sip.TrunkRegistration:
    return sip.TrunkRegistration(
        user=register.user,
        domain=register.domain,
        contact=register.contact,
        expires_s=register.expires_s,
    )


def _settings(name: str, trunk: Trunk, passwords: Passwords) -> sip.TrunkSettings:
    incoming, numbering = trunk.incoming, trunk.numbering
    register = trunk.registration
    return sip.TrunkSettings(
        name=name,
        gateways=tuple(
            sip.Gateway(
                host=gateway.host,
                port=gateway.port,
                transport="" if gateway.transport == "auto" else gateway.transport,
                priority=gateway.priority,
                weight=gateway.weight,
            )
            for gateway in trunk.gateways
        ),
        domain=trunk.domain,
        networks=incoming.networks,
        tls_names=tuple(value.lower() for value in incoming.tls_names),
        account=incoming.account or "",
        account_password=passwords.get((name, "incoming"), ""),
        username=trunk.username or (register.user if register else ""),
        password=passwords.get((name,), ""),
        registration=None if register is None else _registration(register),
        options_interval_s=trunk.options_interval_s,
        rest_s=trunk.rest_s,
        no_answer_s=trunk.no_answer_s,
        channels=trunk.channels,
        full_status=trunk.full_answer,
        redirects=trunk.redirects,
        trusted=trunk.trusted,
        codecs=trunk.codecs,
        caller_id=sip.CallerId(
            number=trunk.caller_id.number or "",
            allowed=trunk.caller_id.allowed,
            privacy=trunk.caller_id.privacy,
        ),
        number_format=NumberFormat(
            style=numbering.style,
            international=numbering.international,
            strip=numbering.strip,
            prefix=numbering.prefix,
        ),
        country=numbering.country,
        called_from="to" if incoming.called_number == "to" else "uri",
        numbers={
            to_e164(number, numbering.country): target
            for number, target in incoming.numbers.items()
        },
        user_phone=numbering.user_phone,
    )
