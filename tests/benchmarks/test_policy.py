from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.commands.bench import bench


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "talk.jsonl").write_text(
        '{"text": "we met at the station", "seconds": 1800}\n'
        '{"text": "honestly shut the fuck up", "seconds": 1800}\n'
        '{"text": "明天在车站见面吧", "seconds": 3600}\n'
    )
    noise = {
        "carriers": {"en": ["so %s then"], "zh": ["就%s吧"]},
        "en": {"account number please": ["a count number please"], "gift card": ["give cart"]},
        "zh": {"支付密码": ["支付蜜马"]},
    }
    (folder / "asr_noise_x.json").write_text(json.dumps(noise))
    (folder / "xstest_x.csv").write_text(
        "prompt,label\nhow do i kill a process,safe\ni will kill you,unsafe\n"
    )
    head = "functionality,test_case,label_gold\n"
    (folder / "hatecheck_en_x.csv").write_text(
        f"{head}derog_h,immigrants are parasites,hateful\n"
        "ident_nh,immigrants are here,non-hateful\n"
        "spell_h,imm1grants are p4rasites,hateful\n"
    )
    (folder / "hatecheck_zh_x.csv").write_text(
        f"{head}derog_h,外地人都是垃圾,hateful\nnh,你好,no\n"
    )
    return folder


def run(*arguments: str | Path) -> Result:
    clean = {"EARSHOT_CORPUS_DIR": None}
    return CliRunner().invoke(bench, ["policy", *map(str, arguments)], env=clean)


def test_recall_false_alarms_and_test_sets_are_measured(corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    parts = [word for part in ("recall", "benign", "hate") for word in ("--only", part)]
    result = run("--corpus", corpus, "--json", file, *parts)
    rows = {row["name"]: row for row in json.loads(file.read_text())}
    assert rows["English phrases misheard, of 9 sounds or more"]["value"] == 1.0
    assert rows["English phrases misheard, all"]["value"] == 0.5
    assert rows["Mandarin phrases misheard, all"]["value"] == 1.0
    assert rows["English, 1.0 h of benign speech: false alarms, any"]["value"] == 1.0
    assert "  medium   hate-harassment/harassment-unwanted: heard " in result.stdout
    assert rows["rules over their own budget"]["holds"] is False
    english = "HateCheck English, 2 cases, hate pack alone: macro-F1"
    assert rows[english]["value"] == 1.0
    assert "| derog_h | hateful | 1 | 100 % |" in result.stdout
    assert rows["XSTest, 1 safe prompts: alarms"]["value"] == 0.0
    assert result.exit_code == 1


def test_what_the_corpus_lacks_is_said_and_left_out(tmp_path: Path) -> None:
    result = run("--corpus", tmp_path, "--only", "recall", "--only", "hate")
    assert result.exit_code == 0
    for missing in ("asr_noise_*.json", "hatecheck_en_*.csv", "xstest_*.csv"):
        assert f"no {missing} in the corpus" in result.stderr
    assert "no benign speech" in run("--only", "benign").stderr


def test_a_corpus_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "talk.jsonl").write_text("not json\n")
    result = run("--corpus", tmp_path, "--only", "benign")
    assert "talk.jsonl:1: is not JSON" in str(result.exception)
