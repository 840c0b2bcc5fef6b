"""Settings come from the file and then from the environment; what cannot be meant is refused by name."""

from pathlib import Path

import pytest

from bankd import config
from bankd.config import SettingsInvalid


def load(home: Path, text: str | None = None, **environment: str) -> config.Settings:
    if text is not None:
        (home / "settings.toml").write_text(text)
    return config.load({"BANKD_HOME": str(home), **environment})


def test_what_is_not_set_is_embedded(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert settings.home == tmp_path
    assert settings.keys == tmp_path / "keys"
    assert (settings.database_url, settings.broker_url, settings.s3_endpoint) == (None, None, None)
    assert (settings.api_host, settings.api_port, settings.s3_secure) == ("127.0.0.1", 8420, True)


def test_a_home_is_found_from_where_its_user_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert config.load({}).home == tmp_path / ".bankd"
    assert config.load({"BANKD_HOME": "~/bank"}).home == tmp_path / "bank"
    assert config.load({"BANKD_HOME": "bank"}).home == tmp_path / "bank"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = 'house = "Studio North"\napi_port = 9000\ns3_secure = false\n'

    assert load(tmp_path, text).house == "Studio North"
    settings = load(tmp_path, BANKD_API_PORT="9001", BANKD_S3_SECURE="true", PATH="/bin")
    assert (settings.house, settings.api_port, settings.s3_secure) == ("Studio North", 9001, True)


def test_the_home_is_never_the_files_to_say(tmp_path: Path) -> None:
    assert load(tmp_path, 'home = "/elsewhere"\n').home == tmp_path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('databse_url = "x"\n', "setting `databse_url`: "),
        ('api_port = "many"\n', "setting `api_port`: "),
        ("s3_secret_key = 17\n", "setting `s3_secret_key`: "),
        ('c2pa_key = "key.pem"\n', "`c2pa_certificates` and `c2pa_key` go together: set both or none"),
        ('c2pa_certificates = "c.pem"\n', "`c2pa_certificates` and `c2pa_key` go together: set both or none"),
        ("house = \n", "settings file `"),
        ("ranking_threads = 0\n", "setting `ranking_threads`: "),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(tmp_path, text)

    assert str(refused.value).startswith(sentence)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"house = '\xff\xfe'")

    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load(tmp_path)


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        BANKD_S3_SECRET_KEY="hunter2",
        BANKD_DATABASE_URL="postgresql+psycopg://bankd_app:hunter2@db/bankd",
    )

    assert "hunter2" not in repr(settings) + str(settings) + f"{settings}"
    with pytest.raises(SettingsInvalid) as refused:
        load(tmp_path, "s3_secret_key = ['hunter2']\n")
    assert "hunter2" not in str(refused.value)


def test_ranking_takes_a_thread_for_each_core_unless_it_is_told(tmp_path: Path) -> None:
    assert load(tmp_path).threads >= 1
    assert load(tmp_path, BANKD_RANKING_THREADS="3").threads == 3
