// What is said of refusals, and to screen readers.
export default {
  "refused.unreachable": "The server does not answer. Nothing was changed; what you wrote is still here.",
  "refused.role": "Your key may look, but not decide.",
  "refused.401": "Your key does not open this page any more.",
  "refused.403": "Your key may not do this.",
  "refused.409": "Somebody was faster.",
  "refused.busy": "The server is busy. Try again in a moment.",
  "refused.other": "That did not work.",
  "said.critical": "Critical: {name} in {room}: {rule}",
  "said.new": ["{n} new alert", "{n} new alerts"],
  "time.h": "{n} h",
  "time.d": "{n} d",
};
