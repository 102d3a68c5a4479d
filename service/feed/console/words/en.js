// English: one table, from several files.

import panels from "./panels.en.js";
import report from "./report.en.js";
import messages from "./messages.en.js";

export default {
  ...panels,
  ...report,
  ...messages,

  // Frame
  "region.feed": "Feed",
  "region.rooms": "Rooms",
  "region.case": "Case",
  "tabs.label": "Parts of the page",
  "connection.connecting": "Connecting",
  "connection.live": "Live",
  "connection.lost": "Not connected",
  "connection.signed_out": "Signed out",
  "topbar.help": "Keyboard",
  "topbar.settings": "Settings",
  "topbar.rules": "Rules",
  "topbar.rules_why": "The rules and their results",
  "topbar.light": "Light theme",
  "topbar.dark": "Dark theme",
  "topbar.read_only": "Read-only",
  "topbar.read_only_why": "Your key lets you read alerts, but not decide about them.",
  "case.choose": "No alert open",
  "case.choose_how": "Choose an alert and press {key}, or choose a room to read what is said in it.",
  "case.choose_touch": "Choose an alert, or choose a room to read what is said in it.",

  // Sign-in
  "signin.title": "Sign in",
  "signin.how": "Paste your key, or open the link that came with it.",
  "signin.where": "The server prints such a link at its first start. Make more keys with {command}.",
  "signin.key": "Key",
  "signin.go": "Sign in",
  "signin.members": "Are you a member of a room? Read what is listened for.",
  "signin.again": "Sign in again to continue. Everything you wrote is still here.",

  // What the page says about itself
  "banner.lost": "Not connected. Last update {time} ago. You can still read everything, and the page reconnects by itself.",
  "banner.lost_never": "Not connected to the server. The page keeps trying.",
  "banner.caught_up": ["{n} event while you were away", "{n} events while you were away"],
  "banner.overload": "Transcription is {n} s behind: alerts come later than usual.",
  "banner.demo": "demo model: understands only the simulated voices",
  "banner.hide": "Hide this notice",

  // Filters
  "filter.label": "Filters",
  "filter.room": "Room",
  "filter.severity": "Minimum severity",
  "filter.category": "Category",
  "filter.state": "State",
  "filter.any_room": "All rooms",
  "filter.any_category": "All",
  "filter.undecided": "Undecided",
  "filter.open": "Open",
  "filter.acknowledged": "Acknowledged",
  "filter.resolved": "Resolved",
  "filter.retracted": "Retracted",
  "filter.all": "All",
  "filter.clear": "Clear filters",

  // Feed
  "feed.title": "Alerts",
  "feed.count": ["{n} alert", "{n} alerts"],
  "feed.count_more": "{n}+ alerts",
  "feed.of": "{n} {severity}",
  "feed.new": "{n} new",
  "card.in": "{name} in {room}",
  "card.provisional": "still speaking",
  "card.withdrawn": "retracted: not confirmed",
  "card.masked": "masked",
  "card.review": "for review",
  "card.review_why": "For review, without alarm: an exception applies, the transcript is doubtful, or the rule only asks for review.",
  "card.with": "assigned to {name}",
  "card.yours": "assigned to you",
  "card.upheld_by": "upheld by {name}",
  "card.dismissed_by": "dismissed by {name}",
  "action.undo": "Undo",
  "undo.acknowledge": "Acknowledged",
  "undo.upheld": "Upheld: it broke the rule",
  "undo.dismissed": "Dismissed: not a violation",

  // Nothing to show
  "empty.title": "No room is listened to yet",
  "empty.how": "Open a room and let its speakers publish into it. Alerts appear here about a second after the words.",
  "empty.room": "Open a room with your key:",
  "empty.speaker": "Get a token for each speaker, who then publishes by WHIP to {path}:",
  "empty.simulated": "Or let simulated speakers talk in a room:",
  "empty.copy": "Copy",
  "empty.copied": "Copied",
  "quiet.title": "All quiet",
  "quiet.not_all": "Quiet in the rooms that are heard",
  "quiet.deaf": ["{n} room is not fully heard", "{n} rooms are not fully heard"],
  "quiet.line": "{rooms}, {speakers}, no alert for {time}",
  "quiet.yet": "{rooms}, {speakers}, no alert yet",
  "none.title": "No alert matches these filters",
  "none.how": "Listening to {rooms}, {speakers}.",
};
