// Refusals, announcements to screen readers, long times.
export default {
  "refused.unreachable": "The server does not answer. Nothing was changed; what you wrote is still here.",
  "refused.role": "Your key lets you read alerts, but not decide about them.",
  "refused.401": "Your key is no longer valid.",
  "refused.403": "Your key does not allow this.",
  "refused.409": "Somebody else was faster: the alert has changed.",
  "refused.busy": "The server is busy. Try again in a moment.",
  "refused.other": "The request failed.",
  "said.critical": "Critical: {name} in {room}: {rule}",
  "said.new": ["{n} new alert", "{n} new alerts"],
  "time.h": "{n} h",
  "time.d": "{n} d",
};
