import json

import pytest

from bankd.catalog.errors import ClassesInvalid, TaxonomyInvalid, UnknownCategories
from bankd.catalog.taxonomy import house, load, read_classes

CAMVID = "sky building pole road pavement tree sign fence car pedestrian bicyclist unlabelled"
CITYSCAPES = (
    "unlabeled,egovehicle,rectificationborder,outofroi,static,dynamic,ground,road,sidewalk,parking,railtrack,"
    "building,wall,fence,guardrail,bridge,tunnel,pole,polegroup,trafficlight,trafficsign,vegetation,terrain,sky,"
    "person,rider,car,truck,bus,caravan,trailer,train,motorcycle,bicycle"
)
COCO_STUFF = (
    "sky-other,wall-brick,floor-wood,potted plant,dining table,couch,wine glass,building-other,window-blind"
)
CATALOGUE = (
    "wall floor table shelf mug bottle box lamp plant book fabric chair window picture bowl cushion vase sofa"
    " void ceiling door desk cabinet bed curtain rug plate clock basket"
)


@pytest.mark.parametrize(
    "names", [CAMVID.split(), CITYSCAPES.split(","), COCO_STUFF.split(","), CATALOGUE.split()]
)
def test_the_house_knows_the_classes_of_datasets_and_of_catalogues(names: list[str]) -> None:
    assert len(house().map_names(names)) == len(names)


def test_names_are_compared_without_case_spaces_and_punctuation() -> None:
    assert {
        house().find(name) for name in ("traffic light", "trafficlight", "Traffic-Light", "TRAFFIC_LIGHT")
    } == {108}
    assert house().find("unlabelled") == house().find("void") == 0
    assert house().find("spaceship") is None


def test_all_unknown_names_are_listed_in_one_error() -> None:
    with pytest.raises(UnknownCategories, match="`anvil`, `zeppelin`") as refused:
        house().map_names(["wall", "zeppelin", "anvil", "zeppelin"])

    assert refused.value.names == ("anvil", "zeppelin")


def test_flags_say_what_is_thin_and_who_is_a_person() -> None:
    names = {category.id: category.name for category in house().categories}

    assert {names[number] for number in house().thin} == {"pole", "sign", "traffic light"}
    assert {names[number] for number in house().person} == {"person", "rider"}


def test_several_classes_may_map_to_one_category() -> None:
    classes = read_classes(
        b'[{"id": 5, "name": "wall-brick", "color": [1, 2, 3]}, {"id": 300, "name": "wall"}]'
    )

    assert house().map_classes(classes) == {5: 1, 300: 1}


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ([], "empty"),
        ([{"id": 1, "name": "wall"}, {"id": 1, "name": "floor"}], "id `1` is given twice"),
        ([{"id": 65536, "name": "wall"}], "`65536` is outside"),
        ([{"id": -1, "name": "wall"}], "`-1` is outside"),
        ([{"id": True, "name": "wall"}], "whole number"),
        ([{"id": "1", "name": "wall"}], "whole number"),
        ([{"id": 1}], "text `name`"),
    ],
)
def test_classes_that_contradict_themselves_are_refused(
    classes: list[dict[str, object]], sentence: str
) -> None:
    with pytest.raises(ClassesInvalid, match=sentence):
        house().map_classes(read_classes(json.dumps(classes).encode()))


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ("[{id: 0, name: void}, {id: 0, name: wall}]", "id `0` is used twice"),
        (
            "[{id: 0, name: void}, {id: 1, name: Wall}, {id: 2, name: x, aliases: [wall]}]",
            "`wall` is used twice",
        ),
        ("[{id: 1, name: void}]", "must be `void`"),
        ("[{id: 0, name: void}, {id: 255, name: wall}]", "outside 0 to 254"),
        ("[{id: 0, name: void, color: red}]", "cannot be read"),
        ("[", "cannot be read"),
    ],
)
def test_a_taxonomy_that_contradicts_itself_is_refused(entries: str, sentence: str) -> None:
    with pytest.raises(TaxonomyInvalid, match=sentence):
        load(f"version: 1\ncategories: {entries}")


def test_the_digest_moves_with_every_word() -> None:
    one = load("version: 1\ncategories: [{id: 0, name: void}, {id: 1, name: wall}]")
    same = load("version: 1\ncategories:\n- {id: 0, name: void}\n- {name: wall, id: 1}")
    other = load("version: 1\ncategories: [{id: 0, name: void}, {id: 1, name: wall, aliases: [mur]}]")

    assert one.digest == same.digest != other.digest
