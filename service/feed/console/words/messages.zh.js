// Refusals, announcements to screen readers, long times.
export default {
  "refused.unreachable": "服务器没有回应。没有任何更改，你写的内容仍在。",
  "refused.role": "你的密钥只能查看，不能处理。",
  "refused.401": "你的密钥已不能打开此页面。",
  "refused.403": "你的密钥不允许这样做。",
  "refused.409": "别人先了一步。",
  "refused.busy": "服务器正忙，请稍后再试。",
  "refused.other": "未能完成。",
  "said.critical": "危急：{name}，{room}：{rule}",
  "said.new": "{n} 条新警报",
  "time.h": "{n} 小时",
  "time.d": "{n} 天",
};
