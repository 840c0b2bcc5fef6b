"""Policies as SQL over `profile_grants`, so that ranking never sees what does not clear.

Compiled from Cedar's own JSON of each policy, with the use as bound values:
no second copy of a rule, and no user's text inside a statement. Cedar's
guarded expressions and SQL's three values agree, and where they could not
(a NULL where the schema demands a fact) the row is denied first. What has no
SQL raises; a property test holds both sides equal.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.types import TypeEngine

from bankd.licensing.models import ProfileGrant
from bankd.licensing.terms import MUTABLE, GrantFacts
from bankd.licensing.use import UseFacts
from bankd.licensing.vocabulary import Action
from bankd.policy.engine import AnyUse
from bankd.policy.errors import NotCompilable
from bankd.policy.facts import USE_MOMENTS, attributes, heard, moment, use_attributes
from bankd.policy.load import DEFAULT_DENY, ERROR_IN_EVALUATION, Bundle, Policy

PROFILE_GRANTS: FromClause = ProfileGrant.__table__
GRANT_ACTIONS: tuple[Action, ...] = ("view", "synthesize", "adapt", "publish", "publish-adapted", "train")

SETS = ARRAY(Text)
MOMENTS = DateTime(timezone=True)

# In a profile nothing is blocked: the blocks of the day are bits of each row,
# `photos.grant_blocks` and `photos.blocked_until`; who sees an embargo, and its end, stand on the photo too.
BLOCKS = "blocks"

OF_THE_DAY: Mapping[str, ColumnElement[Any]] = {
    BLOCKS: literal([], SETS),
    "embargo_visible_to": literal([], SETS),
    "embargo_ends_at": literal(None, MOMENTS),
}
assert OF_THE_DAY.keys() == MUTABLE

COMPARED: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge
}  # fmt: skip
OF_SETS = {"containsAll": "@>", "containsAny": "&&"}

Sql = ColumnElement[Any]


@lru_cache(maxsize=64)
def allows(
    bundle: Bundle, action: Action, stated: frozenset[str], *, source: FromClause, aside: frozenset[str]
) -> ColumnElement[bool]:
    """Whether the grant of a row of `source` carries a whole use: true, or else false or NULL.

    A conjunction of what the policies demand, so that an index of a column can serve it. Made
    once for every use with these attributes: their values (`values_of`) come with each execution.

    Args:
        stated: the attributes of the use.
        aside: policies that may deny; where one of them could not be asked the row is denied all the same.

    Raises:
        NotCompilable: a policy says what has no SQL.
    """
    use = {name: bindparam(name, type_=USE_TYPES[name]) for name in stated}
    scope = Scope(source, use, lacking=bundle.lacking)
    policies = bundle.about(action)
    return and_(
        scope.complete(),
        _permitted(scope, policies),
        *(
            scope.fires(policy).is_not(None) if policy.id in aside else not_(scope.fires(policy))
            for policy in policies
            if policy.effect == "forbid"
        ),
    )


def values_of(bundle: Bundle, known: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a use that a bundle hears, as `allows` binds them."""
    return {name: _bound(name, value)[0] for name, value in heard({**known}, bundle.lacking["Use"]).items()}


def denials(
    bundle: Bundle, action: Action, use: AnyUse, *, source: FromClause = PROFILE_GRANTS
) -> Select[tuple[int, int, list[str]]]:
    """Rows `(profile_id, ordinal, policies)` of the grants that do not clear, with the ids of the engine."""
    scope = _scope(bundle, action, use, source)
    policies: Sql = literal([ERROR_IN_EVALUATION], SETS)
    if scope is not None:
        forbids = [policy for policy in bundle.about(action) if policy.effect == "forbid"]
        each: list[ColumnElement[str | None]] = [
            case((func.coalesce(scope.fires(policy), true()), literal(policy.id, Text)), else_=null())
            for policy in sorted(forbids, key=lambda policy: policy.id)
        ]
        named: Sql = func.array_remove(array(each), null())
        policies = case(
            (not_(scope.complete()), policies),
            (func.cardinality(named) > 0, named),
            (not_(_permitted(scope, bundle.about(action))), literal([DEFAULT_DENY], SETS)),
            else_=null(),
        )
    asked = select(source.c.profile_id, source.c.ordinal, policies.label("policies")).subquery()
    return select(asked.c.profile_id, asked.c.ordinal, asked.c.policies).where(asked.c.policies.is_not(None))


@lru_cache(maxsize=4)
def problems(bundle: Bundle) -> tuple[str, ...]:
    """Every policy that has no SQL, and why. To be asked before a bundle is used."""
    found = []
    for action in GRANT_ACTIONS:
        scope = Scope(PROFILE_GRANTS, _literals(SAMPLE), lacking=bundle.lacking)
        for policy in bundle.about(action):
            try:
                scope.fires(policy)
            except NotCompilable as error:
                found.append(str(error))
    return tuple(dict.fromkeys(found))


class Scope:
    """What names mean inside a policy: the columns of a row, and the values of a use."""

    def __init__(
        self, source: FromClause, use: Mapping[str, Sql], *, lacking: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._source = source
        self._lacking = lacking
        self._use = use
        self._policy = ""

    def complete(self) -> ColumnElement[bool]:
        """Whether the row has every fact that the schema demands; columns that cannot be NULL have theirs.

        A fact that is younger than the schema must say nothing, as for the engine.
        """
        lacking = self._lacking["Grant"]
        columns = [self._source.c[name] for name in REQUIRED if name not in lacking]
        return and_(
            true(),
            *(column.is_not(None) for column in columns if column.nullable),
            *(
                _silent(self._source.c[name], default)
                for name, default in lacking.items()
                if name not in MUTABLE
            ),
        )

    def fires(self, policy: Policy) -> ColumnElement[bool]:
        """Whether the policy applies to the row; NULL where Cedar would raise an error."""
        self._policy = policy.id
        parts: list[ColumnElement[bool]] = [true()]
        for condition in policy.source["conditions"]:
            body = self._boolean(condition["body"])
            parts.append(body if condition["kind"] == "when" else not_(body))
        return and_(*parts)

    def _boolean(self, node: Mapping[str, Any]) -> Sql:
        found = self._expression(node)
        if not isinstance(found.type, Boolean):
            raise self._refuse(node)
        return found

    def _expression(self, node: Mapping[str, Any]) -> Sql:
        if len(node) != 1:
            raise self._refuse(node)
        [(kind, inside)] = node.items()
        match kind, inside:
            case "Value", bool():
                return true() if inside else false()
            case "Value", int():
                return literal(inside, BigInteger)
            case "Value", str():
                return literal(inside, Text)
            case "Set", list():
                return self._literal_set(inside)
            case ".", {"left": {"Var": "resource"}, "attr": str(name)}:
                return self._column(name)
            case ".", {"left": {"Var": "context"}, "attr": str(name)} if name in self._use:
                return self._use[name]
            case "has", {"left": {"Var": "resource"}, "attr": str(name)}:
                return self._column(name).is_not(None)
            case "!", {"arg": arg}:
                return not_(self._boolean(arg))
            case "&&", {"left": left, "right": right}:
                return and_(self._boolean(left), self._boolean(right))
            case "||", {"left": left, "right": right}:
                return or_(self._boolean(left), self._boolean(right))
            case "if-then-else", {"if": {"has": _} as test, "then": then, "else": other}:
                # Never NULL, so it may be said without CASE, which no index serves.
                there = self._boolean(test)
                return or_(and_(there, self._boolean(then)), and_(not_(there), self._boolean(other)))
            case "if-then-else", {"if": test, "then": then, "else": other}:
                condition = self._boolean(test)
                return case(
                    (condition, self._boolean(then)), (not_(condition), self._boolean(other)), else_=null()
                )
            case "isEmpty", {"arg": arg}:
                return func.cardinality(self._of(arg, ARRAY)) == 0
            case "contains", {"left": left, "right": right}:
                return self._of(right, Text) == any_(self._of(left, ARRAY))
            case (("containsAll" | "containsAny"), {"left": left, "right": right}):
                return self._of(left, ARRAY).bool_op(OF_SETS[kind])(self._of(right, ARRAY))
            case (("==" | "!=" | "<" | "<=" | ">" | ">="), {"left": left, "right": right}):
                return self._compared(kind, left, right)
        raise self._refuse(node)

    def _compared(self, kind: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Sql:
        one, other = self._expression(left), self._expression(right)
        of_one_type = isinstance(other.type, type(one.type)) or isinstance(one.type, type(other.type))
        # Arrays are not equal where sets are; texts have another order in SQL than in Cedar, which has none.
        comparable = (
            (BigInteger, DateTime) if kind not in ("==", "!=") else (BigInteger, DateTime, Text, Boolean)
        )
        if not of_one_type or not isinstance(one.type, comparable):
            raise self._refuse({kind: {"left": left, "right": right}})
        return COMPARED[kind](one, other)

    def _of(self, node: Mapping[str, Any], kind: type[TypeEngine[Any]]) -> Sql:
        found = self._expression(node)
        if not isinstance(found.type, kind):
            raise self._refuse(node)
        return found

    def _literal_set(self, members: Sequence[Mapping[str, Any]]) -> Sql:
        values = [member.get("Value") for member in members]
        if not all(isinstance(value, str) for value in values):
            raise self._refuse({"Set": members})
        return literal(values, SETS)

    def _column(self, name: str) -> Sql:
        if name in OF_THE_DAY:
            return OF_THE_DAY[name]
        if name not in GrantFacts.model_fields or name not in self._source.c:
            raise NotCompilable(self._policy, f"`{name}` is no column of `profile_grants`")
        return self._source.c[name]

    def _refuse(self, node: Mapping[str, Any]) -> NotCompilable:
        return NotCompilable(self._policy, f"`{next(iter(node), '')}` in `{str(dict(node))[:120]}`")


def asked_of_one(action: Action) -> None:
    """Raises: NotCompilable: the action is asked of sets."""
    if action not in GRANT_ACTIONS:
        raise NotCompilable(action, "it is asked of a set of grants, not of one")


def _scope(bundle: Bundle, action: Action, use: AnyUse, source: FromClause) -> Scope | None:
    asked_of_one(action)
    stated = use_attributes(use)
    if stated is None:
        return None
    return Scope(source, _literals(heard(stated, bundle.lacking["Use"])), lacking=bundle.lacking)


def _literals(use: Mapping[str, Any]) -> dict[str, Sql]:
    return {name: literal(*_bound(name, value)) for name, value in use.items()}


def _silent(column: ColumnElement[Any], default: Any) -> ColumnElement[bool]:
    if default is None:
        return column.is_(None)
    if isinstance(default, frozenset):
        same = literal(sorted(default), SETS)
        return and_(column.is_not(None), *(column.bool_op(sign)(same) for sign in ("@>", "<@")))
    return and_(column.is_not(None), column == literal(default, column.type))


def _permitted(scope: Scope, policies: Sequence[Policy]) -> ColumnElement[bool]:
    permits = [policy for policy in policies if policy.effect == "permit"]
    return or_(false(), *(func.coalesce(scope.fires(policy), false()) for policy in permits))


def _bound(name: str, value: object) -> tuple[object, TypeEngine[Any]]:
    """A value of the use and its type in SQL."""
    match value:
        case bool():
            return value, Boolean()
        case int():
            return value, BigInteger()
        case str() if name in USE_MOMENTS:
            return moment(value), MOMENTS
        case str():
            return value, Text()
        case list():
            return value, SETS
    raise TypeError(name)


REQUIRED = tuple(
    name
    for name, field in GrantFacts.model_fields.items()
    if name not in MUTABLE and type(None) not in get_args(field.annotation)
)

SAMPLE: Mapping[str, Any] = attributes(
    UseFacts(
        now="2026-01-01T00:00:00.000Z",
        purpose="commercial",
        channels=frozenset(),
        targeted_world=True,
        targeted=frozenset(),
        accessible_world=True,
        accessible=frozenset(),
        starts_at="2026-01-01T00:00:00.000Z",
        ends_at="2026-01-02T00:00:00.000Z",
        sector="general",
        subjects=frozenset(),
        audience="public",
        copies=0,
        licensee="house",
        beneficiaries=frozenset(),
        alterations=frozenset(),
        fields=frozenset(),
    )
)
"""Some use: which one makes no difference to whether a policy has SQL."""

USE_TYPES = {name: _bound(name, value)[1] for name, value in {**SAMPLE, "brand": ""}.items()}
assert USE_TYPES.keys() == UseFacts.model_fields.keys()
