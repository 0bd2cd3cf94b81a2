"""`agentenv phone ...`: a new app works as it is written, and a broken one is explained."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from agentenv.cli.main import main
from agentenv.phone.apps import read_app
from agentenv.phone.phone import Phone
from agentenv.phone.schema import App, DetailScreen, FieldType, ListScreen
from agentenv.phone.setup import PhoneSetup

from .test_phone import tap, type_into


@pytest.fixture
def new_app(tmp_path: Path) -> App:
    path = tmp_path / "cinema.yaml"
    assert main(["phone", "new-app", "cinema", "--out", str(path)]) == 0
    return read_app(path)


def test_a_new_app_passes_its_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cinema.yaml"
    words = ["phone", "new-app", "cinema", "--item", "film", "--record", "ticket"]
    assert main([*words, "--out", str(path)]) == 0
    assert main(["phone", "check-app", str(path)]) == 0
    assert "9 screens, 52 rows" in capsys.readouterr().out
    assert main([*words, "--out", str(path)]) == 1  # nothing is overwritten


def test_a_new_app_shows_what_an_app_can_be(new_app: App) -> None:
    kinds = {screen.kind for screen in new_app.screens.values()}
    assert kinds == {"list", "detail", "form"}
    fields = [one for entity in new_app.entities.values() for one in entity.fields.values()]
    assert {"slider", "menu"} <= {one.widget for one in fields}
    for feature in ("personal", "trap", "contact", "make", "options", "entity"):
        assert any(getattr(one, feature) for one in fields), feature
    types = {one.type for one in fields}
    assert types == {*get_args(FieldType)} - {"moment", "event"}  # those of the system's tables
    buttons = [one for screen in new_app.screens.values() if isinstance(screen, DetailScreen)
               for one in screen.buttons.values()]  # fmt: skip
    for effect in ("opens", "set", "delete", "copies", "shares", "when", "confirm", "says"):
        assert any(getattr(one, effect) for one in buttons), effect
    lists = [one for one in new_app.screens.values() if isinstance(one, ListScreen)]
    for feature in ("search", "filters", "tabs", "order", "opens", "create", "empty", "toggles"):
        assert any(getattr(one, feature) for one in lists), feature


def test_another_app_can_share_a_text_into_a_new_app(new_app: App, tmp_path: Path) -> None:
    phone = Phone(PhoneSetup(apps=("notes", str(tmp_path / "cinema.yaml"))))
    tap(phone, "app notes", "open note 25", "button share", "share_to cinema")
    assert phone.location == "cinema/write"
    type_into(phone, "title", "Shared")
    tap(phone, "next")
    (memo,) = [one for one in phone.changes().rows if one.table == "cinema_memo"]
    assert memo.after is not None
    assert memo.after["title"] == "Shared"
    assert memo.after["text"]


@pytest.mark.parametrize(("item", "record"), [("memo", "order"), ("film", "memo"), ("a", "a")])
def test_a_new_apps_tables_have_names_of_their_own(item: str, record: str, tmp_path: Path) -> None:
    path = tmp_path / "cinema.yaml"
    words = ["--item", item, "--record", record, "--out", str(path)]
    assert main(["phone", "new-app", "cinema", *words]) == 1
    assert not path.exists()


def test_what_is_wrong_with_an_app_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cinema.yaml"
    assert main(["phone", "new-app", "cinema", "--out", str(path)]) == 0
    path.write_text(path.read_text().replace("opens: detail", "opens: nowhere"))
    assert main(["phone", "check-app", str(path)]) == 1
    assert "there is no screen 'nowhere'" in capsys.readouterr().err
    assert main(["phone", "new-app", "../evil"]) == 1
