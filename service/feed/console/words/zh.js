// Simplified Chinese: the same keys as `en.js`.

import panels from "./panels.zh.js";
import report from "./report.zh.js";
import messages from "./messages.zh.js";

export default {
  ...panels,
  ...report,
  ...messages,

  // Frame
  "region.feed": "警报流",
  "region.rooms": "房间",
  "region.case": "案件",
  "tabs.label": "页面分区",
  "connection.connecting": "正在连接",
  "connection.live": "实时",
  "connection.lost": "未连接",
  "connection.signed_out": "已退出登录",
  "topbar.help": "键盘",
  "topbar.settings": "设置",
  "topbar.rules": "规则",
  "topbar.rules_why": "规则及其表现",
  "topbar.light": "浅色主题",
  "topbar.dark": "深色主题",
  "topbar.read_only": "只读",
  "topbar.read_only_why": "你的密钥只能查看，不能处理。",
  "case.choose": "尚未打开任何内容",
  "case.choose_how": "选择一条警报并按 {key}，或打开一个房间旁听文字。",
  "case.choose_touch": "选择一条警报，或打开一个房间旁听文字。",

  // Sign-in
  "signin.title": "登录",
  "signin.how": "粘贴你的密钥，或打开随密钥一起给你的链接。",
  "signin.where": "服务器首次启动时会打印这样的链接；更多密钥用 {command} 生成。",
  "signin.key": "密钥",
  "signin.go": "登录",
  "signin.members": "你自己就在房间里？看看这里会留意哪些内容。",
  "signin.again": "请重新登录后继续。你写的内容都还在。",

  // What the page says about itself
  "banner.lost": "未连接。最后一次消息在 {time}前；所有内容仍可阅读，正在自动重试。",
  "banner.lost_never": "未能连接服务器，正在自动重试。",
  "banner.caught_up": "你离开期间有 {n} 个事件",
  "banner.overload": "转写落后 {n} 秒：警报会比平时晚到。",
  "banner.demo": "演示模型：只听得懂模拟的声音",
  "banner.hide": "隐藏此提示",

  // Filters
  "filter.label": "筛选",
  "filter.room": "房间",
  "filter.severity": "最低严重程度",
  "filter.category": "类别",
  "filter.state": "状态",
  "filter.any_room": "所有房间",
  "filter.any_category": "所有类别",
  "filter.undecided": "待处理",
  "filter.open": "未确认",
  "filter.acknowledged": "已确认",
  "filter.resolved": "已裁定",
  "filter.retracted": "已撤回",
  "filter.all": "全部",
  "filter.clear": "清除筛选",

  // Feed
  "feed.title": "警报",
  "feed.count": "{n} 条警报",
  "feed.count_more": "{n}+ 条警报",
  "feed.of": "{n} 条{severity}",
  "feed.new": "{n} 条新警报",
  "card.in": "{name}，{room}",
  "card.provisional": "仍在说话",
  "card.withdrawn": "已撤回：未能确认",
  "card.masked": "已遮盖",
  "card.review": "待复核",
  "card.review_why": "待复核，不告警：存在例外情况、转写存疑，或该规则只要求复核。",
  "card.with": "由 {name} 处理",
  "card.yours": "由你处理",
  "card.upheld_by": "{name} 认定违规",
  "card.dismissed_by": "{name} 已驳回",
  "action.undo": "撤销",
  "undo.acknowledge": "已确认",
  "undo.upheld": "已认定：违反了规则",
  "undo.dismissed": "已驳回：不构成违规",

  // Nothing to show
  "empty.title": "还没有监听任何房间",
  "empty.how": "开一个房间，让发言者把声音发布进来；话音落下约一秒后，警报就会出现在这里。",
  "empty.room": "用你的密钥开一个房间：",
  "empty.speaker": "为每位发言者申请令牌，由其通过 WHIP 发布到 {path}：",
  "empty.simulated": "或者让模拟的发言者开口：",
  "empty.copy": "复制",
  "empty.copied": "已复制",
  "quiet.title": "一切平静",
  "quiet.not_all": "听得到的地方都平静",
  "quiet.deaf": "有 {n} 个房间没有完整听到",
  "quiet.line": "{rooms}，{speakers}，已有 {time}没有警报",
  "quiet.yet": "{rooms}，{speakers}，还没有警报",
  "none.title": "没有符合这些筛选条件的警报",
  "none.how": "正在监听 {rooms}，{speakers}。",
};
