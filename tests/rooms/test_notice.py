from __future__ import annotations

from service.rooms.notice import Notice

URL = "https://rooms.example/rules"


def test_the_notice_says_that_software_listens_and_where_the_rules_are() -> None:
    notice = Notice(URL)
    assert notice.name(["en", "zh"]) == f"Moderation (listening) {URL}"
    assert notice.text([]) == (
        "Software listens to this room, so that its moderators can keep its rules. "
        f"The rules: {URL}"
    )


def test_the_notice_of_a_chinese_room_is_in_chinese() -> None:
    notice = Notice(URL)
    assert notice.name(["zh", "en"]) == f"语音审核（正在收听） {URL}"
    assert notice.text(["zh"]).endswith(f"规则见 {URL}")


def test_the_notice_names_the_hosts_where_the_address_of_the_rules_is_unknown() -> None:
    assert Notice("").name(["en"]) == "Moderation (listening)"
    assert Notice("").text(["en"]).endswith("Ask its hosts for the rules.")


def test_without_a_spoken_notice_the_name_still_shows_that_software_listens() -> None:
    silent = Notice(URL, spoken=False)
    assert silent.name(["en"]) == "Moderation (listening)"
    assert silent.text(["en"]) == ""
