"""The rights file: what it says, and one clear sentence for everything that can be wrong with it."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from bankd.licensing import rights_file, rights_yaml
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.rights_entries import RightsFile

SCHEMA = Path(rights_file.__file__).parent / "rights.schema.json"

GOOD = """\
version: 1
licensors:
  - ref: agency
    name: Agency
documents:
  - ref: contract
    path: contract.md
licenses:
  - ref: L-1
    licensor: agency
    title: Web in Japan
    basis: licensed
    document: contract
    clause: 4.10
    quote: 日本国内におけるウェブサイトでの利用を許諾する。
    verified_by: A. Mori
    grants:
      - ref: web
        terms:
          territories: [JP, NO]
          channels: [web]
          purposes: [commercial]
          sectors: [any]
          audiences: [public]
          starts_on: 2026-04-01
          ends_on: 2027-03-31
          zone: Asia/Tokyo
      - ref: print
        terms:
          territories: WORLD
          channels: [print]
          purposes: [editorial]
          sectors: [any]
          audiences: [public]
          starts_on: 2026-04-01
          ends_on: null
  - ref: L-2
    licensor: agency
    title: By
    basis: licensed
    spdx: CC-BY-4.0
    starts_on: 2024-01-01
    credit: {text: "© Ada, CC BY 4.0"}
releases:
  - ref: R-1
    kind: model
    status: released
    youngest: adult
    subject: person-17
photos:
  - files: desk-*.jpg
    licenses: [L-1]
    depictions: {persons: false, model_release: not-needed, property_release: not-needed}
  - files: [desk-02.jpg, room/wall.png]
    grants: [L-2/cc]
  - files: [people.jpg]
    licenses: L-2
    depictions: {persons: true, model_release: released, youngest: adult}
    releases: [R-1]
    embargo_until: 2027-01-01
    zone: Asia/Tokyo
"""

A_COLON = "a `:` stands where no field begins; check the indentation, and put text that holds `: ` in quotes"
A_TAB = "a tab, `@`, `%` or a backtick cannot stand here; indent with spaces, and put such text in quotes"
A_STAR = 'text that begins with `*` or `&` has to stand in quotes, as in `"*.png"`'
UNKNOWN_ID = "unknown field `id`; correct its spelling or remove it"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contract.md").write_text("Signed.\n")
    return tmp_path


def load(folder: Path, text: str = GOOD) -> RightsFile:
    path = folder / "rights.yaml"
    path.write_text(text)
    return rights_file.load(path)


def refused(folder: Path, old: str, new: str) -> RightsFileRefused:
    assert GOOD.count(old) >= 1
    with pytest.raises(RightsFileRefused) as refusal:
        load(folder, GOOD.replace(old, new, 1))
    return refusal.value


def test_what_a_good_file_says(folder: Path) -> None:
    file = load(folder)

    first, second = file.licenses
    assert first.clause == "4.10"
    assert first.grants[0].terms.territories == {"JP", "NO"}
    assert first.grants[0].terms.ends_on == date(2027, 3, 31)
    assert first.grants[1].terms.territories == {"WORLD"}
    assert first.grants[1].terms.ends_on is None
    assert [grant.ref for grant in second.grants] == ["cc"]


@pytest.mark.parametrize(
    ("name", "grants"),
    [
        ("desk-01.jpg", ("L-1/web", "L-1/print")),
        ("desk-02.jpg", ("L-1/web", "L-1/print", "L-2/cc")),
        ("deep/folder/desk-01.jpg", ("L-1/web", "L-1/print")),
        ("room/wall.png", ("L-2/cc",)),
        ("big/room/wall.png", ("L-2/cc",)),
        ("wall.png", None),
        ("DESK-01.jpg", None),
        ("desk-01.jpeg", None),
    ],
)
def test_a_photo_gets_the_grants_of_every_entry_about_it(
    folder: Path, name: str, grants: tuple[str, ...] | None
) -> None:
    record = load(folder).record_for(name)

    assert (record and record.grants) == grants


def test_names_and_patterns_that_mean_no_photo_are_told(folder: Path) -> None:
    assert load(folder).unmatched(["desk-02.jpg", "big/room/wall.png"]) == ["people.jpg"]
    assert load(folder).unmatched(["people.jpg"]) == ["desk-02.jpg", "room/wall.png", "desk-*.jpg"]


def test_a_record_carries_what_is_shown_and_what_holds_it_back(folder: Path) -> None:
    record = load(folder).record_for("people.jpg")

    assert record is not None
    assert (record.depictions.persons, record.depictions.model_release) == (True, "released")
    assert record.depictions.property_release == "unknown"
    assert record.releases == ("R-1",)
    assert record.embargo_until == datetime(2026, 12, 31, 15, tzinfo=UTC)
    assert record.disputed is None


def test_entries_that_differ_on_a_photo_leave_the_stricter_value(folder: Path) -> None:
    more = """\
  - files: desk-01.jpg
    licenses: [L-1]
    depictions: {persons: true, youngest: minor, property_release: not-needed}
    disputed: claimed by a third party
"""
    record = load(folder, GOOD + more).record_for("desk-01.jpg")

    assert record is not None
    assert record.grants == ("L-1/web", "L-1/print")
    assert (record.depictions.persons, record.depictions.model_release) == (True, "unknown")
    assert (record.depictions.youngest, record.depictions.property_release) == ("minor", "not-needed")
    assert record.disputed == "claimed by a third party"


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        (
            "licenses: [L-1]",
            "licenses: [L-9]",
            52,
            "unknown license `L-9`; add it to `licenses`",
        ),
        ("[L-2/cc]", "[L-2/web]", 55, "unknown grant `L-2/web`; add it to its license"),
        ("[R-1]", "[R-2]", 59, "unknown release `R-2`; add it to `releases`"),
        (
            "ends_on: 2027-03-31",
            "ends_on: 2026-03-31",
            19,
            "term ends on `2026-03-31` before it starts on `2026-04-01`",
        ),
        ("[JP, NO]", "[JP, XX]", 20, "unknown territory `XX` (ISO 3166-1 alpha-2 codes or `WORLD`)"),
        ("[JP, NO]", "Japan", 20, "unknown territory `Japan` (ISO 3166-1 alpha-2 codes or `WORLD`)"),
        ("[JP, NO]", "[]", 20, "`territories` is empty; name at least one"),
        (
            "          ends_on: 2027-03-31\n",
            "",
            19,
            "`ends_on` is missing; state it, `null` where the term has no end",
        ),
        ("    licensor: agency\n", "", 9, "`licensor` is missing; state it"),
        ("licensor: agency", "licensor: agent", 10, "unknown licensor `agent`; add it to `licensors`"),
        ("document: contract", "document: letter", 13, "unknown document `letter`; add it to `documents`"),
        (
            "channels: [web]",
            "channels: [web, tv]",
            21,
            "`tv` is no word for `channels`; use `web`, `social`, `email`, `app`, `print`, `packaging`, "
            "`out-of-home`, `broadcast` or `internal`",
        ),
        (
            "zone: Asia/Tokyo",
            "zone: Tokyo",
            27,
            "unknown time zone `Tokyo` (an IANA name such as `Asia/Tokyo`)",
        ),
        (
            "zone: Asia/Tokyo",
            "generate: true",
            27,
            "unknown field `generate`; is it `generative`?",
        ),
        ("2026-04-01", "令和8年4月1日", 25, "`令和8年4月1日` is not a day (write it as `2027-03-31`)"),
        ("2026-04-01", "2026-02-30", 25, "`2026-02-30` is not a day of the calendar"),
        (
            "2027-03-31",
            "9999-12-31",
            26,
            "`9999-12-31` is not a day that a contract can name (years 1800 to 2999)",
        ),
        ("zone: Asia/Tokyo", "cap: -1", 27, "`cap` must be 0 or more, not `-1`"),
        ("zone: Asia/Tokyo", "fee_minor: 500", 19, "a fee needs its `currency`"),
        ("zone: Asia/Tokyo", "territories_excepted: [JP, NO]", 19, "the exceptions leave no territory"),
        (
            "sectors: [any]",
            "sectors: [Cosmetics]",
            23,
            "`Cosmetics` is not a valid `sectors`; write small letters and digits joined by `-`, "
            "as in `food-and-drink`",
        ),
        ("ref: L-2", "ref: L-1", 37, "ref `L-1` is used twice; give each its own"),
        ("- ref: print", "- ref: web", 28, "ref `web` is used twice; give each its own"),
        ("version: 1", "version: 2", 1, "`2` is no word for `version`; use `1`"),
        (
            "basis: licensed",
            "basis: bought",
            12,
            "`bought` is no word for `basis`; use `owned`, `licensed`, `public-domain`, `collective`, "
            "`ruling` or `statutory`",
        ),
        (
            "title: Web in Japan",
            "title: Web in Japan\n    title: Twice",
            12,
            "`title` is given twice; keep one",
        ),
        (
            "title: By",
            "title: !!python/name:os.system x",
            39,
            "the tag `tag:yaml.org,2002:python/name:os.system` is not understood; remove it",
        ),
        ("    title: By", "    <<: {title: By}", 39, "`<<` is not understood; write the fields out"),
        ("title: By", "title: [By", 40, "the list that begins here or just above is not closed with `]`"),
        (
            "path: contract.md",
            "path: ../contract.md",
            7,
            "document `../contract.md` is outside the rights file's folder; move it below",
        ),
        (
            "path: contract.md",
            "path: /etc/passwd",
            7,
            "document `/etc/passwd` is outside the rights file's folder; move it below",
        ),
        (
            "path: contract.md",
            "path: lost.md",
            7,
            "document `lost.md` is not there; put it beside the rights file",
        ),
        (
            '    credit: {text: "© Ada, CC BY 4.0"}\n',
            "",
            37,
            "license `L-2` is `CC-BY-4.0` and needs the `credit` that it demands",
        ),
        ("    starts_on: 2024-01-01\n", "", 37, "license `L-2` is `CC-BY-4.0` and needs `starts_on`"),
        (
            "spdx: CC-BY-4.0",
            "spdx: CC-BY-3.0",
            37,
            "license `L-2` states `credit` or `starts_on` without a Creative Commons `spdx`; "
            "write them into the terms of its grants",
        ),
        (
            '    spdx: CC-BY-4.0\n    starts_on: 2024-01-01\n    credit: {text: "© Ada, CC BY 4.0"}\n',
            "",
            37,
            "license `L-2` grants nothing; write its `grants`, a `template`, or as `spdx` one of `CC0-1.0`, "
            "`CC-BY-4.0`, "
            "`CC-BY-SA-4.0`, `CC-BY-ND-4.0`, `CC-BY-NC-4.0`, `CC-BY-NC-SA-4.0`, `CC-BY-NC-ND-4.0`, "
            "`CC-BY-2.0`, `CC-BY-SA-2.0`, `CC-BY-ND-2.0`, `CC-BY-NC-2.0`, `CC-BY-NC-SA-2.0`, "
            "`CC-BY-NC-ND-2.0`",
        ),
        (
            "document: contract",
            "spdx: CC-BY-4.0",
            9,
            "license `L-1` is `CC-BY-4.0`, whose grant follows from its words; remove `grants`, or `spdx`",
        ),
        (
            "    releases: [R-1]\n",
            "",
            58,
            "`model_release: released` names no model release; add its ref to `releases`",
        ),
        ("channels: [web]", "channels: web", 21, "`channels` must be a list; write `[web]`"),
        ("channels: [web]", "channels: {web: true}", 21, "`channels` must be a list, not fields"),
        ("title: By", "title:", 39, "`title` is empty; write a value, or remove it"),
        ("title: By", "title: [By]", 39, "`title` must be text, not a list"),
        ("title: By", "titel: By", 37, "`title` is missing; state it (and 1 more)"),
        ("title: By", "title: By: me", 39, A_COLON),
        ("title: By", "title: @by", 39, A_TAB),
        ("    title: By", "\ttitle: By", 39, "a tab stands here; indent with spaces"),
        ("title: By", 'title: "By', 43, "the indentation or a quote is broken here or just above"),
        ("zone: Asia/Tokyo", "fee_minor: 1.50", 27, "`fee_minor` must be a whole number, not `1.50`"),
        ("zone: Asia/Tokyo", "title: x", 27, "unknown field `title`; it does not belong here"),
        ("zone: Asia/Tokyo", "magic: x", 27, "unknown field `magic`; correct its spelling or remove it"),
        ("files: desk-*.jpg", "files: *.jpg", 51, A_STAR),
        ("files: desk-*.jpg", "files: []", 51, "`files` is empty; name at least one"),
        (
            "persons: true",
            "persons: many",
            58,
            "`persons` must be `true` or `false`, not `many`",
        ),
    ],
)
def test_each_fault_is_one_sentence_with_its_line(
    folder: Path, old: str, new: str, line: int, sentence: str
) -> None:
    assert str(refused(folder, old, new)) == f"`{folder / 'rights.yaml'}` line {line}: {sentence}"


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        ("    title: T\n", "", [(6, "`title` is missing; state it")]),
        ("ref: g\n", "id: g\n", [(10, "`ref` is missing; state it"), (10, UNKNOWN_ID)]),
        ("purposes: [commercial]", "purposes: []", [(14, "`purposes` is empty; name at least one")]),
        ("name: A", "name:", [(4, "`name` is empty; write a value, or remove it")]),
    ],
)
def test_a_list_whose_only_entry_is_faulty_is_not_called_empty(
    folder: Path, old: str, new: str, problems: list[tuple[int, str]]
) -> None:
    one = """\
version: 1
licensors:
  - ref: a
    name: A
licenses:
  - ref: L
    licensor: a
    title: T
    basis: licensed
    grants: [{ref: g
      , terms: {
        territories: [JP],
        channels: [web],
        purposes: [commercial],
        sectors: [any], audiences: [public], generative: true, starts_on: 2026-01-01, ends_on: null}}]
"""
    assert load(folder, one).licenses[0].ref == "L"

    with pytest.raises(RightsFileRefused) as refusal:
        load(folder, one.replace(old, new))

    assert sorted(refusal.value.problems) == sorted(problems)
    assert problems[0][1] in str(refusal.value)


def test_every_problem_is_named_and_the_first_is_in_the_sentence(folder: Path) -> None:
    text = GOOD.replace("[JP, NO]", "[QQ]").replace("channels: [print]", "channels: [fax]")

    with pytest.raises(
        RightsFileRefused, match=r"line 20: unknown territory `QQ`.*\(and 1 more\)"
    ) as refusal:
        load(folder, text)

    assert [line for line, _ in refusal.value.problems] == [20, 31]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8 text; save it as UTF-8"),
        (
            b"just words",
            "line 1: the file must be fields such as `licensors` and `licenses`, not `just words`",
        ),
        (b"version: 1\n---\nversion: 1\n", "line 2: a second document begins here; keep one"),
        (b"a: &a [*a]\n", "nested more than 32 deep"),
        (b"[" * 1_000_000, "is nested more than 32 deep"),
        (b"x: " + b"[" * 40 + b"]" * 40, "is nested more than 32 deep"),
        (b"\x00", "is not YAML"),
    ],
)
def test_what_is_no_rights_file_at_all(folder: Path, content: bytes, sentence: str) -> None:
    path = folder / "rights.yaml"
    path.write_bytes(content)

    with pytest.raises(RightsFileRefused) as refusal:
        rights_file.load(path)

    assert sentence in str(refusal.value)


def test_nested_aliases_cannot_fill_the_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights_yaml, "MAX_VALUES", 20_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(RightsFileRefused, match="holds more than"):
        load(folder, "\n".join(lines))


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(RightsFileRefused, match="cannot be read: No such file or directory"):
        rights_file.load(folder / "lost.yaml")


def test_a_document_behind_a_link_that_leads_out_is_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.md"
    outside.write_text("secret")
    (folder / "contract.md").unlink()
    (folder / "contract.md").symlink_to(outside)

    with pytest.raises(RightsFileRefused, match="outside the rights file's folder"):
        load(folder)


def test_anchors_save_writing(folder: Path) -> None:
    text = GOOD.replace("depictions: {persons: false,", "depictions: &nobody {persons: false,")
    text += "  - {files: extra.jpg, licenses: [L-1], depictions: *nobody}\n"

    record = load(folder, text).record_for("extra.jpg")

    assert record is not None
    assert record.depictions.persons is False


def test_the_published_schema_is_what_is_checked() -> None:
    assert json.loads(SCHEMA.read_text()) == rights_file.schema()


def test_every_field_of_the_published_schema_is_described() -> None:
    schema = rights_file.schema()
    parts = {"RightsFile": schema, **schema["$defs"]}

    bare = [
        f"{name}.{field}"
        for name, part in parts.items()
        for field, about in part.get("properties", {}).items()
        if "description" not in about
    ]

    assert bare == []


class Json(yaml.SafeLoader):
    """As an editor reads YAML: days are text."""


Json.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if not tag.endswith((":timestamp", ":float"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def test_an_editor_with_the_schema_accepts_a_good_file_and_underlines_a_bad_one() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))

    good = yaml.load(GOOD.replace("NO", '"NO"').replace("4.10", '"4.10"'), Json)
    assert list(validator.iter_errors(good)) == []

    for bad in (GOOD.replace("[JP, NO]", "Japan"), GOOD.replace("channels: [web]", "channels: [tv]")):
        assert not validator.is_valid(yaml.load(bad, Json))


def test_a_file_without_licenses_says_what_photos_show(tmp_path: Path) -> None:
    path = tmp_path / "shows.yaml"
    path.write_text(
        "version: 1\n"
        "releases:\n"
        "  - {ref: MR-1, kind: model, status: released, subject: P-1, youngest: adult}\n"
        "photos:\n"
        '  - {files: "*.jpg", releases: MR-1, depictions: {persons: true, model_release: released}}\n'
    )

    record = rights_file.load(path).record_for("a.jpg")

    assert record is not None
    assert record.grants == ()
    assert (record.releases, record.depictions.persons) == (("MR-1",), True)


def test_a_file_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rights.yaml"
    path.write_text("version: 1\n")

    with pytest.raises(RightsFileRefused, match="it has no `licenses`, no `releases` and no `photos`"):
        rights_file.load(path)
