"""The words of `/rules` around the rules themselves, in each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from policies.language import Language
from policies.taxonomy import Category

NAMES: Mapping[Language, str] = {Language.EN: "English", Language.ZH: "简体中文"}
"""Each in its own language."""

TAGS: Mapping[Language, str] = {Language.EN: "en", Language.ZH: "zh-Hans"}
"""BCP 47, for browsers and screen readers."""


@dataclass(frozen=True, slots=True)
class Text:
    """
    Attributes:
        languages: What the links to other languages are.
        promises: What happens with what is said: a title and a text each.
        kept: Takes `{talk}` and `{alerts}`, two durations.
        not_kept: In its place where talk is not kept; takes `{alerts}`.
        version: Takes `{version}`, of a pack.
    """

    title: str
    intro: str
    languages: str
    promises_title: str
    promises: Sequence[tuple[str, str]]
    kept_title: str
    kept: str
    not_kept: str
    version: str


TEXTS: Mapping[Language, Text] = {
    Language.EN: Text(
        title="What is listened for",
        intro=(
            "Software listens to the rooms on this server. It writes down what is said, compares it"
            " with the rules on this page, and tells a moderator when something matches."
        ),
        languages="Language",
        promises_title="What happens with what you say",
        promises=(
            (
                "People decide",
                "The software decides nothing. A moderator reads the words and the talk around"
                " them and decides. The record shows who decided, when and why, and a decision"
                " can be overturned.",
            ),
            (
                "No voiceprints",
                "The software does not recognise anybody by their voice, and it follows nobody"
                " from one room to another.",
            ),
        ),
        kept_title="Words are deleted",
        kept=(
            "What is said is deleted after {talk}. Where it matches a rule, the words and the"
            " minute before and after them are kept for {alerts}, and then deleted too."
        ),
        not_kept=(
            "What is said is deleted within minutes. Where it matches a rule, the words and what"
            " is still there of the minute before and after them are kept for {alerts}, and then"
            " deleted too."
        ),
        version="Version {version}",
    ),
    Language.ZH: Text(
        title="这里会留意哪些内容",
        intro=(
            "本服务器上的房间由软件收听。软件把说的话转成文字，与本页的规则比对；"
            "有内容符合规则时，就通知审核员。"
        ),
        languages="语言",
        promises_title="您说的话会怎样处理",
        promises=(
            (
                "由人来决定",
                "软件不作任何决定。审核员会阅读相关的话和前后的对话，再作决定。"
                "谁在何时、因何作出决定，都有记录；决定也可以被推翻。",
            ),
            (
                "不采集声纹",
                "软件不会凭声音辨认任何人，也不会跨房间跟踪任何人。",
            ),
        ),
        kept_title="文字会被删除",
        kept=(
            "说的话在 {talk}后删除。如果符合某条规则，这些话以及前后各一分钟的对话会保留 {alerts}，"
            "然后同样删除。"
        ),
        not_kept=(
            "说的话在几分钟内删除。如果符合某条规则，这些话以及前后各一分钟内尚存的对话会保留"
            " {alerts}，然后同样删除。"
        ),
        version="版本 {version}",
    ),
}

CATEGORIES: Mapping[Language, Mapping[Category, str]] = {
    Language.EN: {
        Category.VIOLENT_CRIMES: "Violence and threats",
        Category.SEX_RELATED_CRIMES: "Sexual violence",
        Category.CHILD_SEXUAL_EXPLOITATION: "Safety of children",
        Category.SUICIDE_SELF_HARM: "Suicide and self-harm",
        Category.INDISCRIMINATE_WEAPONS: "Weapons that harm many people",
        Category.NON_VIOLENT_CRIMES: "Scams and other crimes without violence",
        Category.HATE: "Hate and harassment",
        Category.PRIVACY_VIOLATIONS: "Privacy",
        Category.SEXUAL_CONTENT: "Sexual content",
    },
    Language.ZH: {
        Category.VIOLENT_CRIMES: "暴力与威胁",
        Category.SEX_RELATED_CRIMES: "性暴力",
        Category.CHILD_SEXUAL_EXPLOITATION: "儿童安全",
        Category.SUICIDE_SELF_HARM: "自杀与自伤",
        Category.INDISCRIMINATE_WEAPONS: "大规模杀伤性武器",
        Category.NON_VIOLENT_CRIMES: "诈骗及其他非暴力犯罪",
        Category.HATE: "仇恨与骚扰",
        Category.PRIVACY_VIOLATIONS: "隐私",
        Category.SEXUAL_CONTENT: "色情内容",
    },
}


def duration(hours: int, language: Language) -> str:
    """In hours up to a day, in days where they are whole ones."""
    days = hours > 24 and hours % 24 == 0
    count = hours // 24 if days else hours
    match language:
        case Language.EN:
            unit = "day" if days else "hour"
            return f"{count} {unit}{'' if count == 1 else 's'}"
        case Language.ZH:
            return f"{count} {'天' if days else '小时'}"
