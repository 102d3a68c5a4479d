from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.policy.hostile import FILES
from policies.finding import PackInvalid
from policies.load import MAX_ERRORS, load_files, load_pack
from tests.policies.writing import HEADER, pack_text, rule_text


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", list(FILES))
def test_a_file_made_to_hurt_is_refused_in_words(name: str, tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(FILES[name]())
    with pytest.raises(PackInvalid) as caught:
        load_pack(path)
    errors = [str(error) for error in caught.value.errors]
    assert 1 <= len(errors) <= MAX_ERRORS + 1
    for error in errors:
        assert error.startswith(str(path))
        assert "; " in error
        assert "\n" not in error
        assert len(error) < 1500


@pytest.mark.parametrize(
    "char", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066"]
)
def test_characters_that_nobody_sees_are_refused_wherever_they_are(
    char: str, tmp_path: Path
) -> None:
    path = tmp_path / "pack.yaml"
    match = f'match: {{words: {{phrases: {{en: ["gift{char} card"]}}}}}}'
    path.write_text(pack_text(rule_text(match=match, title=f'title: "T{char}"')), "utf-8")
    with pytest.raises(PackInvalid) as caught:
        load_pack(path)
    fields = {error.field for error in caught.value.errors}
    assert {"policies[0].title", "policies[0].match.words.phrases.en[0]"} <= fields
    assert f"U+{ord(char):04X}" in str(caught.value)


def test_ids_doubled_across_many_packs_are_all_named(tmp_path: Path) -> None:
    paths = []
    for number in range(20):
        path = tmp_path / f"p{number}.yaml"
        path.write_text(pack_text(header=HEADER.replace("written", f"pack-{number}")))
        paths.append(path)
    with pytest.raises(PackInvalid) as caught:
        load_files(paths)
    assert len(caught.value.errors) == 19
    assert all("'scam-codes' is the id of a rule in " in str(e) for e in caught.value.errors)
