// English. One table; the parts lie in files of their own.

import beside from "./beside.en.js";
import report from "./report.en.js";
import told from "./told.en.js";

export default {
  ...beside,
  ...report,
  ...told,

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
  "topbar.rules_why": "The rules and how they do",
  "looks.light": "Light theme",
  "looks.dark": "Dark theme",
  "topbar.read_only": "Read-only",
  "topbar.read_only_why": "Your key may look, but not decide.",
  "case.choose": "Nothing opened",
  "case.choose_how": "Choose an alert and press {key}, or a room to read along.",
  "case.choose_touch": "Choose an alert, or a room to read along.",

  // Sign-in
  "signin.title": "Sign in",
  "signin.how": "Paste your key, or open the link that you were given with it.",
  "signin.where": "The server prints such a link when it first starts; further keys are made with {command}.",
  "signin.key": "Key",
  "signin.go": "Sign in",
  "signin.members": "In a room yourself? Here is what is listened for.",
  "signin.again": "Sign in again to go on. Everything you wrote is still here.",

  // What the page says about itself
  "banner.lost": "Not connected. Last news {time} ago; everything stays readable, and it is tried again by itself.",
  "banner.lost_never": "Not connected to the server. It is tried again by itself.",
  "banner.caught_up": ["{n} event while you were away", "{n} events while you were away"],
  "banner.overload": "Transcription is {n} s behind: alerts come later than usual.",
  "banner.demo": "demo model: understands only the simulated voices",
  "banner.hide": "Hide this notice",

  // Filters
  "filter.label": "Filters",
  "filter.room": "Room",
  "filter.severity": "Least severity",
  "filter.category": "Category",
  "filter.state": "State",
  "filter.any_room": "Every room",
  "filter.any_category": "Every category",
  "filter.undecided": "To decide",
  "filter.open": "Open",
  "filter.acknowledged": "Acknowledged",
  "filter.resolved": "Decided",
  "filter.retracted": "Withdrawn",
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
  "card.withdrawn": "withdrawn: not confirmed",
  "card.masked": "masked",
  "card.review": "to review",
  "card.review_why": "No alarm: something speaks for the speaker, the words are doubtful, or the rule only asks for a look.",
  "card.with": "with {name}",
  "card.yours": "with you",
  "card.upheld_by": "upheld by {name}",
  "card.dismissed_by": "dismissed by {name}",
  "action.undo": "Undo",
  "undo.acknowledge": "Acknowledged",
  "undo.upheld": "Upheld: it broke the rule",
  "undo.dismissed": "Dismissed: not a violation",

  // Nothing to show
  "empty.title": "Nothing is listened to yet",
  "empty.how": "Open a room, let its speakers publish into it, and alerts appear here about a second after the words.",
  "empty.room": "Open a room with your key:",
  "empty.speaker": "Ask for a token for each speaker, who then publishes by WHIP to {path}:",
  "empty.simulated": "Or let simulated speakers talk:",
  "empty.copy": "Copy",
  "empty.copied": "Copied",
  "quiet.title": "All quiet",
  "quiet.not_all": "Quiet, as far as we hear",
  "quiet.deaf": ["{n} room is not heard in full", "{n} rooms are not heard in full"],
  "quiet.line": "{rooms}, {speakers}, nothing flagged for {time}",
  "quiet.yet": "{rooms}, {speakers}, nothing flagged yet",
  "none.title": "No alert passes these filters",
  "none.how": "{rooms}, {speakers} are listened to.",
};
