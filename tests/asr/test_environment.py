from __future__ import annotations

from pathlib import Path

import pytest

from asr.environment import EnvironmentInvalid, from_environment
from asr.settings import AsrSettings
from service.errors import ConfigurationError
from service.settings import Settings, load_settings


def test_without_variables_a_worker_has_the_default_settings() -> None:
    assert from_environment({}) == AsrSettings()


def test_a_worker_reads_the_same_variables_as_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "EARSHOT_ASR_MODEL": "small.en",
        "EARSHOT_ASR_DEVICE": "cuda:1",
        "EARSHOT_ASR_COMPUTE_TYPE": "int8",
        "EARSHOT_ASR_THREADS": "2",
        "EARSHOT_ASR_BEAM_SIZE": "3",
        "EARSHOT_ASR_HYPOTHESES": "2",
        "EARSHOT_ASR_BATCH_SIZE": "16",
        "EARSHOT_ASR_LANES": "2",
        "EARSHOT_ASR_CACHE_DIR": "/models",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = from_environment(variables)
    assert found == Settings().asr()
    assert found.cache_dir == Path("/models")


def test_a_misspelled_variable_is_refused_and_the_servers_own_are_ignored() -> None:
    with pytest.raises(EnvironmentInvalid, match="EARSHOT_ASR_MODLE.*EARSHOT_ASR_MODEL"):
        from_environment({"EARSHOT_ASR_MODLE": "small"})
    others = {"EARSHOT_ASR_QUEUE": "9", "EARSHOT_ASR_DEADLINE_S": "9", "EARSHOT_HOST": "::"}
    assert from_environment(others) == AsrSettings()


def test_further_readings_need_a_wider_beam(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"EARSHOT_ASR_HYPOTHESES": "3", "EARSHOT_ASR_BEAM_SIZE": "3"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="EARSHOT_ASR_HYPOTHESES: .* wider beam than 3"):
        load_settings()
    with pytest.raises(EnvironmentInvalid, match="EARSHOT_ASR_HYPOTHESES: .* wider beam than 3"):
        from_environment(variables)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL", ""), ("DEVICE", "gpu"), ("THREADS", "-1"), ("BEAM_SIZE", "eleven"), ("LANES", "17")],
)
def test_an_invalid_value_is_refused_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=f"^EARSHOT_ASR_{name}: "):
        from_environment({f"EARSHOT_ASR_{name}": value})
