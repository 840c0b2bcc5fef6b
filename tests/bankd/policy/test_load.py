"""A bundle is its texts at one digest."""

import hashlib
import json
from pathlib import Path

import pytest

from bankd.policy import load
from bankd.policy.errors import InvalidBundle
from bankd.policy.load import SCHEMA, Bundle


def test_digest_is_of_the_names_and_hashes_of_all_texts(bundle: Bundle, policies: Path) -> None:
    files = sorted([SCHEMA, *(path.name for path in policies.glob("*.cedar"))])
    listed = [[name, hashlib.sha256((policies / name).read_bytes()).hexdigest()] for name in files]
    canonical = json.dumps(listed, separators=(",", ":")).encode()
    assert bundle.digest == hashlib.sha256(canonical).hexdigest()


def test_digest_does_not_depend_on_the_order_of_texts(bundle: Bundle) -> None:
    assert Bundle.of(reversed(bundle.texts)).digest == bundle.digest


def test_digest_moves_with_any_character(bundle: Bundle) -> None:
    name, text = bundle.texts[0]
    others = [pair for pair in bundle.texts if pair[0] != name]
    assert Bundle.of([*others, (name, text + "\n")]).digest != bundle.digest
    assert Bundle.of([*others, (f"a{name}", text)]).digest != bundle.digest


def test_policies_keep_the_order_of_their_file(bundle: Bundle) -> None:
    standing = [policy.id for policy in bundle.policies.values() if policy.file == "standing.cedar"]
    assert standing[0] == "license-withdrawn" and standing[-1] == "integrity-reserved"


def test_invalid_texts_are_no_bundle_and_every_problem_is_kept(bundle: Bundle) -> None:
    broken = [(name, text.replace("resource.", "resource.x_")) for name, text in bundle.texts]
    with pytest.raises(InvalidBundle) as refused:
        Bundle.of(broken)
    assert len(refused.value.problems) > 20
    assert "more)" in str(refused.value)


def test_bundle_without_policies_is_refused(bundle: Bundle) -> None:
    with pytest.raises(InvalidBundle, match="there is no policy"):
        Bundle.of([(SCHEMA, dict(bundle.texts)[SCHEMA])])


def test_text_that_is_not_utf8_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / SCHEMA).write_text(dict(bundle.texts)[SCHEMA])
    (tmp_path / "latin.cedar").write_bytes(b"// caf\xe9")
    with pytest.raises(InvalidBundle, match=r"`latin\.cedar` cannot be read"):
        load.read(tmp_path)


def test_one_id_in_two_files_is_refused(bundle: Bundle) -> None:
    training = dict(bundle.texts)["training.cedar"]
    with pytest.raises(InvalidBundle, match=r"the id `training-not-granted` is taken in `training\.cedar`"):
        Bundle.of([*bundle.texts, ("zz.cedar", training)])
