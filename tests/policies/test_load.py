from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.finding import PackInvalid
from policies.load import MAX_BYTES, MAX_ERRORS, load_files, load_folder, load_pack, load_text
from tests.policies.writing import HEADER, errors, pack_text, rule_text

GOLDENS = Path(__file__).parent / "goldens"


def refused(path: Path) -> list[str]:
    with pytest.raises(PackInvalid) as caught:
        load_pack(path)
    return [str(error).replace(f"{path}", path.name) for error in caught.value.errors]


@pytest.mark.parametrize("path", sorted(GOLDENS.glob("*.yaml")), ids=lambda path: path.stem)
def test_errors_read_as_in_the_golden_file(path: Path) -> None:
    golden = path.with_suffix(".txt").read_text("utf-8")
    assert "\n".join(refused(path)) + "\n" == golden


def test_a_good_pack_is_read_as_written() -> None:
    pack = load_text(pack_text(), "p.yaml")
    (rule,) = pack.policies
    assert (pack.schema_version, pack.pack, pack.version) == (1, "written", "1.0.0")
    assert (rule.id, rule.severity, rule.cooldown_s) == ("scam-codes", "high", 30)
    assert rule.match["words"].phrases.in_language("en") == ("read me the code", "your card number")


def test_words_that_yaml_takes_for_other_things_stay_words() -> None:
    match = "match: {words: {phrases: {en: [no way, 911, 12:30, null, yes]}}}"
    tests = "tests: {must_match: [dial 911, null, at 12:30], must_not_match: [no, 1.0, on]}"
    pack = load_text(pack_text(rule_text(match=match, tests=tests)), "p.yaml")
    assert pack.policies[0].match["words"].phrases.in_language("en") == (
        "no way",
        "911",
        "12:30",
        "null",
        "yes",
    )


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "p.yaml:1: must be a mapping, not nothing; write its fields indented below it"),
        (b"\x00\x01\x02", "p.yaml:1: contains the character U+0000, so it is not a text file; "),
        (b"\x89PNG\r\n\x1a\n\x00", "p.yaml:1: is not UTF-8 text (byte 0); save it as UTF-8"),
        ("schema: 1\npack: é".encode("latin-1"), "p.yaml:2: is not UTF-8 text (byte 16); "),
        ("schema: 1".encode("utf-16"), "p.yaml:1: is not UTF-8 text (byte 0); save it as UTF-8"),
        (b"a" * (MAX_BYTES + 1), "p.yaml: is larger than 1000000 bytes; split it into several"),
        (b"[" * MAX_BYTES, "p.yaml:1 [0][0][0][0][0][0][0][0][0][0][0][0]: is nested more than"),
        (b"{a: " * (MAX_BYTES // 4), "p.yaml:1 a.a.a.a.a.a.a.a.a.a.a.a: is nested more than 12"),
        (b'"' + b"a" * (MAX_BYTES - 1), "p.yaml:1: is not YAML: "),
        (b"a: &a [x]\nb: [*a, *a]", "p.yaml:1 a: has the YAML anchor &a; write the value out"),
        (b"a: 1\n" * 2, "p.yaml:1 pack: is missing; add it"),
        (b"- a\n" * (MAX_BYTES // 4), "p.yaml:1: must be a mapping, not a list; "),
        (b"policies:\n" + b"- a\n" * 200_000, "p.yaml:1 schema: is missing; add it"),
        (b"".join(b"k%d: 1\n" % n for n in range(90_000)), "p.yaml:1 k0: is not a field known"),
        (b"k" * 1000 + b": 1\n", "p.yaml:1 kkkkkkkk"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{value[:8]!r}",
)
@pytest.mark.timeout(30)
def test_a_hostile_file_is_refused_in_words(content: bytes, error: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    found = refused(path)
    assert any(each.startswith(error) for each in found), found[:3]
    assert len(found) <= MAX_ERRORS + 1
    assert all("\n" not in each and len(each) < 1000 for each in found)


def test_a_text_may_be_as_large_as_a_file_and_no_larger() -> None:
    text = pack_text()
    assert errors(text + "#" * (MAX_BYTES - len(text))) == []
    assert errors(text + "#" * (MAX_BYTES - len(text) + 1)) == [
        "p.yaml: is larger than 1000000 bytes; split it into several packs"
    ]


def test_a_byte_order_mark_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + pack_text().encode())
    assert load_pack(path).pack == "written"


def test_of_very_many_errors_the_first_are_shown_and_it_is_said() -> None:
    found = errors(pack_text(*[rule_text(severity="severity: x", colour="colour: y")] * 60))
    assert len(found) == MAX_ERRORS + 1
    assert found[0].startswith("p.yaml:11 policies[0].severity: 'x' is not known here; ")
    assert found[-1] == ("p.yaml: has more errors than are shown; correct these and check again")


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert refused(missing) == [
        "missing.yaml: cannot be read (No such file or directory); "
        "check the name and the permissions"
    ]
    assert refused(tmp_path) == [f"{tmp_path.name}: is not a file; name a pack file"]


def test_a_folder_s_packs_come_in_the_order_of_their_files(tmp_path: Path) -> None:
    for name in ("b", "a"):
        header = HEADER.replace("written", f"pack-{name}")
        text = pack_text(rule_text(id=f"id: rule-{name}"), header=header)
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "README.md").write_text("not a pack")
    assert [pack.pack for pack in load_folder(tmp_path)] == ["pack-a", "pack-b"]


def test_names_and_ids_doubled_across_files_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml"):
        (tmp_path / name).write_text(pack_text())
    with pytest.raises(PackInvalid) as caught:
        load_folder(tmp_path)
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "b.yml:2 pack: 'written' is the pack of a.yaml too; give each pack a name of its own\n"
        "b.yml:7 policies[0].id: 'scam-codes' is the id of a rule in a.yaml too; "
        "give each rule an id of its own"
    )


def test_the_errors_of_all_files_come_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(pack_text(rule_text(severity="")))
    (tmp_path / "c.yaml").write_text(pack_text())
    with pytest.raises(PackInvalid) as caught:
        load_folder(tmp_path)
    assert [(Path(error.path).name, error.line) for error in caught.value.errors] == [
        ("a.yaml", 7),
        ("b.yaml", 7),
    ]


def test_one_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(pack_text())
    assert len(load_files([path, path])) == 1


def test_a_folder_without_packs_is_refused(tmp_path: Path) -> None:
    for folder, problem in (
        (tmp_path, "has no packs in it; add a .yaml file, or name another folder"),
        (tmp_path / "no", "cannot be listed (No such file or directory); "),
    ):
        with pytest.raises(PackInvalid) as caught:
            load_folder(folder)
        assert str(caught.value).startswith(f"{folder}: {problem}")


LINES = pack_text().splitlines(keepends=True)


@given(st.lists(st.sampled_from(LINES), max_size=30), st.text(max_size=5), st.integers(0, 20))
def test_a_shuffled_pack_is_read_or_refused(lines: list[str], junk: str, place: int) -> None:
    for error in errors("".join([*lines[:place], junk, *lines[place:]])):
        assert error.startswith("p.yaml")
        assert "; " in error
