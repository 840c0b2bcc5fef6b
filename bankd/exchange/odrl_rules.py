"""What the rules of an ODRL policy come to as terms of a grant. Pure.

Each constraint narrows. A dimension on which a permission lays no constraint
is unlimited, as the standard reads it; what takes an action of its own
(alterations, synthesis, training, sublicenses) is allowed by that action alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bankd import money
from bankd.exchange.jsonld import Json, many
from bankd.exchange.odrl_words import ALTERING, AS_IT_IS, FLAGS, SCOPES, WHOLE, WordUnknown, territory, words
from bankd.licensing.days import end_of, start_of
from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import ANY, CHANNELS, SUBJECTS, WORLD

ONE_OF = frozenset({"eq", "isAnyOf", "isA"})
NONE_OF = frozenset({"neq", "isNoneOf"})
CONSTRAINT = frozenset(
    {"@id", "@type", "leftOperand", "operator", "rightOperand", "unit", "dataType", "rdfs:label"}
)
LOGICAL = frozenset({"or", "xone", "andSequence"})
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?")

# Fields that the standard has words for; all others travel as `bankd:<field>`, in JSON.
SPOKEN = frozenset(
    {"territories", "territories_excepted", "channels", "purposes", "sectors", "audiences", "alterations",
     "generative", "train", "sublicense", "starts_on", "ends_on", "licensees"}
)  # fmt: skip
SILENT = frozenset(GrantTerms.model_fields) - SPOKEN


class RuleRefused(ValueError):
    """What of a rule cannot be represented, by its name, in a sentence."""


@dataclass
class Draft:
    """The terms of one grant as far as they are known. None: no constraint yet."""

    territories: frozenset[str] | None = None
    excepted: frozenset[str] = frozenset()
    scopes: dict[str, frozenset[str] | None] = field(default_factory=lambda: dict.fromkeys(SCOPES.values()))
    actions: set[str] = field(default_factory=set)
    days: dict[str, tuple[date, str | None]] = field(
        default_factory=dict
    )  # each with the zone it was said in
    count: int | None = None
    others: dict[str, Any] = field(default_factory=dict)
    exclusivity: list[dict[str, Any]] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)


def constraints(rule: dict[str, Any], *, key: str = "constraint") -> list[dict[str, Any]]:
    """The constraints of a rule that all hold together. Raises RuleRefused: alternatives."""
    found: list[dict[str, Any]] = []
    for one in many(rule.get(key)):
        if not isinstance(one, dict):
            raise RuleRefused(f"the {key} `{str(one)[:80]}` is only an address; write it out")
        if "and" in one:
            if extra := one.keys() - {"and", "@id", "@type"}:
                raise RuleRefused(f"`{min(extra)}` beside `and` cannot be represented")
            found += constraints({key: one["and"]}, key=key)
            continue
        if logical := LOGICAL & one.keys():
            raise RuleRefused(f"the logical constraint `{min(logical)}` cannot be represented")
        if extra := one.keys() - CONSTRAINT:
            raise RuleRefused(f"`{min(extra)}` of a constraint cannot be represented")
        for needed in ("leftOperand", "operator", "rightOperand"):
            if needed not in one:
                raise RuleRefused(f"a constraint has no `{needed}`")
        if not isinstance(one["leftOperand"], str) or not isinstance(one["operator"], str):
            raise RuleRefused("a constraint's operand or operator is no word")
        found.append(one)
    return found


def narrow(draft: Draft, one: dict[str, Any]) -> None:
    """Narrow by one constraint of a permission. Raises RuleRefused: it cannot be represented."""
    operand, operator = one["leftOperand"], one["operator"]
    name = f"operand `{operand}`"
    if "unit" in one:
        raise RuleRefused(f"the unit of {name} cannot be represented")
    if operand == "spatial":
        _spatial(draft, one)
    elif operand in SCOPES:
        _scope(draft, one)
    elif operand == "dateTime":
        _moment(draft, one)
    elif operand == "count":
        number = _whole(one)
        if operator not in ("lteq", "lt", "eq"):
            raise RuleRefused(f"operator `{operator}` of {name} cannot be represented")
        number -= operator == "lt"
        if number < 0:
            raise RuleRefused(f"{name} is below nothing")
        draft.count = number if draft.count is None else min(draft.count, number)
    elif operand.removeprefix("bankd:") in SILENT and operand.startswith("bankd:"):
        if operator != "eq":
            raise RuleRefused(f"operator `{operator}` of {name} cannot be represented")
        _other(draft, operand.removeprefix("bankd:"), one["rightOperand"])
    else:
        raise RuleRefused(f"{name} cannot be represented")


def forbid(draft: Draft, action: str, limits: list[dict[str, Any]], *, holder: str) -> bool:
    """Take a prohibition out of the terms; whether it took anything that was permitted.

    Raises:
        RuleRefused: it cannot be represented.
    """
    if action in ALTERING or action in FLAGS or action in ("tdm:mine", "cc:CommercialUse"):
        if limits:
            raise RuleRefused(f"a prohibition of `{action}` under constraints cannot be represented")
        return _without(draft, action)
    if action not in AS_IT_IS:
        raise RuleRefused(f"the prohibited action `{action}` cannot be represented")
    if not limits:
        raise RuleRefused(f"the prohibition of `{action}` without constraints leaves nothing permitted")
    fields: dict[str, frozenset[str]] = {}
    for one in limits:
        operand, operator = one["leftOperand"], one["operator"]
        target = {"spatial": "territories", "bankd:subject": "subjects"}.get(operand, SCOPES.get(operand))
        if target is None or target == "audiences" or operator not in ONE_OF or "unit" in one:
            raise RuleRefused(f"operand `{operand}` ({operator}) of a prohibition cannot be represented")
        if target in fields:
            raise RuleRefused(f"operand `{operand}` stands twice in a prohibition; write two prohibitions")
        fields[target] = _values(target, one)
    if fields.keys() == {"territories"}:
        draft.excepted |= fields["territories"]
    elif fields.keys() == {"subjects"}:
        draft.subjects |= fields["subjects"]
    elif fields.keys() == {"channels"} or fields.keys() == {"purposes"}:
        [(dimension, taken)] = fields.items()
        draft.scopes[dimension] = (draft.scopes[dimension] or WHOLE[dimension]) - taken
    elif fields.keys() <= {"territories", "channels", "sectors"}:
        row = {"territories": frozenset({WORLD}), "channels": CHANNELS, "sectors": frozenset({ANY}), **fields}
        draft.exclusivity.append({"holder": holder, **row})
    else:
        both = " and ".join(f"`{name}`" for name in sorted(fields))
        raise RuleRefused(f"a prohibition of {both} together cannot be represented")
    return True


def terms(draft: Draft, *, licensees: list[str], first_day: date | None) -> dict[str, Any]:
    """The fields of `GrantTerms`. Raises RuleRefused: no first day, or nothing is permitted."""
    actions = draft.actions
    if not actions & AS_IT_IS.keys():
        named = ", ".join(f"`{action}`" for action in sorted(actions))
        raise RuleRefused(
            f"permits {named} and no use of the photo; name `use` or `distribute` under the same constraints"
        )
    found: dict[str, Any] = dict(draft.others)
    found["territories"] = draft.territories if draft.territories is not None else {WORLD}
    found["territories_excepted"] = draft.excepted
    for dimension, whole in {**WHOLE, "sectors": frozenset({ANY})}.items():
        allowed = draft.scopes[dimension]
        found[dimension] = whole if allowed is None else allowed
        if not found[dimension]:
            raise RuleRefused(f"its rules leave no {dimension}")
    found["alterations"] = frozenset().union(*(ALTERING.get(action, frozenset()) for action in actions))
    for action, flag in FLAGS.items():
        found[flag] = action in actions
    found["licensees"] = licensees
    if draft.exclusivity:
        found["exclusivity"] = [*found.get("exclusivity", ()), *draft.exclusivity]
    if draft.subjects:
        found["subjects_excluded"] = {*found.get("subjects_excluded", ()), *draft.subjects}
    if draft.count is not None:
        triggers = sorted({AS_IT_IS[action] for action in actions if action in AS_IT_IS})
        found["caps"] = [
            *found.get("caps", ()),
            *({"trigger": trigger, "most": draft.count} for trigger in triggers),
        ]
    _term(draft, found, first_day)
    return found


def credit(duty: dict[str, Any], refined: list[dict[str, Any]]) -> Any:
    """The credit that a duty `attribute` asks for. Raises RuleRefused: it names none."""
    for one in refined:
        if one["leftOperand"] != "bankd:credit" or one["operator"] != "eq":
            raise RuleRefused(f"operand `{one['leftOperand']}` of the duty `attribute` cannot be represented")
        return _json(one["rightOperand"])
    name = party_name(duty.get("attributedParty"))
    if name is None:
        raise RuleRefused("the duty `attribute` names no `attributedParty` in words and no `bankd:credit`")
    return {"text": name}


def fee(refined: list[dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """The fee that a duty `compensate` asks for, and its currency.

    Raises:
        RuleRefused: it does not say how much, in what, and for what each time. A sum that is paid once for
            the agreement is no fee of a use.
    """
    by = {one["leftOperand"]: one for one in refined}
    for operand, one in by.items():
        if operand not in ("payAmount", "unitOfCount") or one["operator"] != "eq":
            raise RuleRefused(f"operand `{operand}` of the duty `compensate` cannot be represented")
    if by.keys() != {"payAmount", "unitOfCount"} or len(refined) != 2:
        raise RuleRefused(
            "the duty `compensate` needs `payAmount` with its `unit`, and `unitOfCount`, which says for "
            "what it is owed each time"
        )
    trigger = re.split(r"[/#:]", str(by["unitOfCount"]["rightOperand"]))[-1]
    currency = re.split(r"[/#:]", str(by["payAmount"].get("unit", "")))[-1].upper()
    if trigger not in ("seal", "handout", "publication", "copies"):
        raise RuleRefused(
            f"`unitOfCount` is `{trigger[:40]}` and not `seal`, `handout`, `publication` or `copies`"
        )
    try:
        amount = money.parse(str(by["payAmount"]["rightOperand"]), currency)
    except money.MoneyError as error:
        raise RuleRefused(f"`payAmount`: {error}") from error
    return {"trigger": trigger, "amount_minor": amount}, currency


def party_name(party: Any) -> str | None:
    """What a party is called, where the policy says so in words."""
    if isinstance(party, str):
        return None if re.match(r"[a-z][a-z0-9+.-]*:", party, re.IGNORECASE) else party
    if isinstance(party, dict):
        for name in ("vcard:fn", "schema:name", "foaf:name", "rdfs:label", "dc:title"):
            if isinstance(party.get(name), str) and party[name].strip():
                return str(party[name])
    return None


def _spatial(draft: Draft, one: dict[str, Any]) -> None:
    operator = one["operator"]
    found = _values("territories", one)
    if operator in ONE_OF or operator == "isPartOf":
        if operator == "isPartOf" and len(found) > 1:
            raise RuleRefused("operator `isPartOf` of several places cannot be represented; use `isAnyOf`")
        met = draft.territories
        draft.territories = found if met is None or WORLD in met else met if WORLD in found else met & found
    elif operator in NONE_OF:
        draft.excepted |= found
    else:
        raise RuleRefused(f"operator `{operator}` of operand `spatial` cannot be represented")


def _scope(draft: Draft, one: dict[str, Any]) -> None:
    operand, operator = one["leftOperand"], one["operator"]
    dimension = SCOPES[operand]
    found = _values(dimension, one)
    met = draft.scopes[dimension]
    if operator in ONE_OF:
        everything = dimension == "sectors" and met is not None and ANY in met
        draft.scopes[dimension] = found if met is None or everything else met & found
    elif operator in NONE_OF and dimension in WHOLE:
        draft.scopes[dimension] = (WHOLE[dimension] if met is None else met) - found
    else:
        raise RuleRefused(f"operator `{operator}` of operand `{operand}` cannot be represented")


def _moment(draft: Draft, one: dict[str, Any]) -> None:
    operator, said = one["operator"], one["rightOperand"]
    if operator not in ("gteq", "gt", "lteq", "lt", "eq") or not isinstance(said, str):
        raise RuleRefused(f"operator `{operator}` of operand `dateTime` cannot be represented")
    if operator == "eq" and not DAY.fullmatch(said.strip()):
        raise RuleRefused(f"operand `dateTime`: the one moment `{said[:40]}` cannot be represented")
    if operator in ("gteq", "gt", "eq"):
        _bound(draft, "starts_on", _day(said, ends=operator == "gt"), later=operator == "gt")
    if operator in ("lteq", "lt", "eq"):
        _bound(draft, "ends_on", _day(said, ends=operator == "lteq"), earlier=operator == "lt")


def _bound(
    draft: Draft, name: str, said: tuple[date, str | None], *, later: bool = False, earlier: bool = False
) -> None:
    day, zone = said
    day += timedelta(days=later - earlier)
    if name in draft.days:
        before, known = draft.days[name]
        if known != zone:
            raise RuleRefused("operand `dateTime` is stated in several time zones")
        day = max(day, before) if name == "starts_on" else min(day, before)
    draft.days[name] = (day, zone)


def _day(text: str, *, ends: bool) -> tuple[date, str | None]:
    """The day of a date; or of a moment where one begins or, of an end, in its last second."""
    if plain := DAY.fullmatch(text.strip()):
        return _date(plain[1]), _zone(plain[2]) if plain[2] else None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RuleRefused(f"operand `dateTime`: `{text[:40]}` is no day and no moment") from error
    clock = (at.hour, at.minute, at.second)
    offset = text.strip()[-6:] if at.tzinfo else None
    zone = None if offset is None else _zone("Z" if text.strip()[-1] in "Zz" else offset)
    if ends and clock == (23, 59, 59):
        return at.date(), zone
    if not ends and clock == (0, 0, 0) and at.microsecond == 0:
        return at.date(), zone
    raise RuleRefused(f"operand `dateTime`: `{text[:40]}` is not where a day begins or ends")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RuleRefused(f"operand `dateTime`: `{text}` is not a day of the calendar") from error


def _zone(offset: str) -> str:
    if offset in ("Z", "+00:00", "-00:00"):
        return "UTC"
    hours, minutes = int(offset[1:3]), offset[4:]
    if minutes != "00" or not 1 <= hours <= (14 if offset[0] == "+" else 12):
        raise RuleRefused(f"operand `dateTime`: days cannot be stated in the offset `{offset}`")
    return f"Etc/GMT{'-' if offset[0] == '+' else '+'}{hours}"  # IANA counts these the other way round


def _term(draft: Draft, found: dict[str, Any], first_day: date | None) -> None:
    zones = {zone for _, zone in draft.days.values()} - {None}
    stated = found.get("zone")
    if len(zones) > 1:
        raise RuleRefused("operand `dateTime` is stated in several time zones")
    if stated is not None and zones:
        [said] = zones
        for day, zone in draft.days.values():
            if zone is not None and _at(day, said) != _at(day, stated):
                raise RuleRefused(f"operand `dateTime` is stated in another time zone than `{stated}`")
    elif zones:
        found["zone"] = zones.pop()
    starts = draft.days.get("starts_on", (first_day, None))[0]
    if starts is None:
        raise RuleRefused("states no first day; constrain `dateTime` with `gteq`, or state `dc:issued`")
    found["starts_on"] = starts
    found["ends_on"] = draft.days["ends_on"][0] if "ends_on" in draft.days else None


def _at(day: date, zone: Any) -> tuple[datetime, datetime]:
    try:
        ZoneInfo(str(zone))
        return start_of(day, str(zone)), end_of(day, str(zone))
    except (ValueError, OSError, OverflowError, KeyError) as error:
        raise RuleRefused(f"unknown time zone `{str(zone)[:40]}`") from error


def _without(draft: Draft, action: str) -> bool:
    if action == "cc:CommercialUse":
        before = draft.scopes["purposes"]
        draft.scopes["purposes"] = (WHOLE["purposes"] if before is None else before) - {"commercial"}
        return before is not None and "commercial" in before
    if action == "tdm:mine":
        action = "bankd:train"
    taken = ALTERING.get(action, frozenset())
    held = set(draft.actions)
    # An action that is more than what is forbidden stays as the rest of it.
    for one in sorted(draft.actions & ALTERING.keys()):
        if ALTERING[one] & taken:
            draft.actions.discard(one)
            draft.actions |= {f"bankd:{left}" for left in ALTERING[one] - taken}
    if taken >= {"combine"} and action in ("derive", "cc:DerivativeWorks"):
        draft.actions -= {"bankd:synthesize"}
    draft.actions.discard(action)
    return draft.actions != held


def _other(draft: Draft, name: str, value: Any) -> None:
    if name in draft.others:
        raise RuleRefused(f"operand `bankd:{name}` stands twice")
    draft.others[name] = _json(value)


def _json(value: Any) -> Any:
    return value.value if isinstance(value, Json) else value


def _whole(one: dict[str, Any]) -> int:
    value = one["rightOperand"]
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,16}", text):
        raise RuleRefused(f"operand `{one['leftOperand']}`: `{text[:40]}` is no whole number")
    return int(text)


def _values(dimension: str, one: dict[str, Any]) -> frozenset[str]:
    return frozenset(_each(dimension, one))


def _each(dimension: str, one: dict[str, Any]) -> Iterator[str]:
    given = many(one["rightOperand"])
    if not given or (one["operator"] in ("eq", "neq", "isA") and len(given) > 1):
        raise RuleRefused(f"operand `{one['leftOperand']}` with `{one['operator']}` needs one value")
    for value in given:
        if not isinstance(value, str):
            raise RuleRefused(f"operand `{one['leftOperand']}`: `{str(value)[:60]}` is no word")
        try:
            if dimension == "territories":
                yield territory(value)
            elif dimension == "subjects":
                if value not in SUBJECTS:
                    raise WordUnknown(f"`{value[:60]}` is no subject")
                yield value
            else:
                yield from words(dimension, value)
        except WordUnknown as error:
            raise RuleRefused(f"operand `{one['leftOperand']}`: {error}") from error
