"""Words of `/rules` in simplified Chinese."""

from __future__ import annotations

from policies.languages.page_words import PageWords
from policies.taxonomy import Category

PAGE_WORDS = PageWords(
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
    untranslated="本页尚未翻译成 {language}；规则文字以规则包的译文为准。",
    categories={
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
    hours="{} 小时".format,
    days="{} 天".format,
)
