import type { Question } from "@milepost/model";

/** Texts of the parts about questions, the inbox, trees and the time left. Each can be replaced on its own. */
export interface PeopleTexts {
  /** Heading of a list of questions. */
  readonly questions: string;
  readonly noQuestions: string;
  readonly questionsAway: string;
  readonly questionsFailed: (reason: string) => string;
  /** Announced to screen readers when a question has come. */
  readonly asks: (prompt: string) => string;
  readonly yes: string;
  readonly no: string;
  readonly answer: string;
  readonly answering: string;
  readonly notNow: string;
  readonly comment: string;
  readonly addComment: string;
  readonly choose: string;
  readonly yourAnswer: string;
  readonly optional: string;
  readonly checkField: string;
  readonly answerFailed: (reason: string) => string;
  readonly mayNotAnswer: string;
  /** Countdown to the deadline; `otherwise` is the answer that the gateway gives then. */
  readonly deadline: (seconds: number, otherwise: string | undefined) => string;
  readonly aside: (count: number) => string;
  /** Outcome of a question that is over; `answer` is absent unless it was answered. */
  readonly settled: (question: Question, answer: string | undefined) => string;

  /** Heading of the inbox. */
  readonly inbox: string;
  readonly unread: (count: number) => string;
  readonly inboxEmpty: string;
  readonly inboxNone: string;
  readonly inboxStale: string;
  readonly inboxFailed: (reason: string) => string;
  readonly readAll: string;
  readonly markRead: (what: string) => string;
  readonly markReadLabel: string;
  readonly later: string;
  readonly laterLabel: (what: string) => string;
  readonly newItem: string;
  readonly askedBy: (title: string) => string;
  readonly more: string;
  readonly snoozed: (count: number) => string;
  readonly actionFailed: (reason: string) => string;
  readonly when: (at: number, now: number) => string;

  /** Heading of a tree. */
  readonly parts: string;
  readonly partsSummary: (total: number, done: number, failed: number) => string;
  readonly show: (title: string) => string;
  readonly hide: (title: string) => string;
  readonly moreParts: (count: number) => string;
  readonly partsAway: string;
  readonly weight: (weight: number) => string;
  readonly waitingQuestions: (count: number) => string;

  readonly timeLeft: (lowMs: number, highMs: number) => string;
  readonly slower: string;
  readonly slowerUnknown: string;
  readonly newKind: string;
  readonly lastSign: (seconds: number) => string;
  readonly busy: (reason: string, until: number | undefined) => string;

  /** Heading of a digest. */
  readonly digest: string;
  readonly digestSince: (at: number, now: number) => string;
  readonly stepsDone: (count: number) => string;
  readonly warnings: (count: number) => string;
  readonly errors: (count: number) => string;
  readonly asked: (count: number) => string;
  readonly finished: (count: number) => string;
  readonly failed: (count: number) => string;
  readonly started: (count: number) => string;
  readonly notices: (count: number) => string;
  /** End of one operation, well or badly. */
  readonly ended: string;
  readonly endedBadly: string;
  readonly andMore: string;
  readonly seen: string;
}

const numbers = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

const plural = (count: number, one: string, many = `${one}s`) =>
  `${numbers.format(count)} ${count === 1 ? one : many}`;

/** English texts of the parts about people. */
export const englishPeopleTexts: PeopleTexts = {
  questions: "Questions",
  noQuestions: "Nothing waits for an answer.",
  questionsAway: "Not live at the moment: somebody may have answered already.",
  questionsFailed: (reason) => `The questions cannot be shown: ${reason}`,
  asks: (prompt) => `Question: ${prompt}`,
  yes: "Yes",
  no: "No",
  answer: "Answer",
  answering: "Answering…",
  notNow: "Not now",
  comment: "Comment",
  addComment: "Add a comment",
  choose: "Choose one",
  yourAnswer: "Your answer",
  optional: "(optional)",
  checkField: "Give a value that fits.",
  answerFailed: (reason) => `The answer was not taken: ${reason}`,
  mayNotAnswer: "Somebody else is asked.",
  deadline(seconds, otherwise) {
    const left = seconds === 0 ? "The time is up" : `${duration(seconds)} left`;
    return otherwise === undefined ? left : `${left}, then the answer is: ${otherwise}`;
  },
  aside: (count) => `${plural(count, "question")} put aside`,
  settled({ status, by, by_default: byDefault }, answer) {
    if (status === "expired") return "Nobody answered in time";
    if (status === "withdrawn") return "Not needed any more";
    const what = answer === undefined ? "Answered" : answer;
    if (byDefault === true) return `${what}, because nobody answered in time`;
    return by === undefined ? what : `${what}, by ${by}`;
  },

  inbox: "Inbox",
  unread: (count) => (count === 0 ? "Nothing new" : `${numbers.format(count)} new`),
  inboxEmpty: "The inbox is empty.",
  inboxNone: "There is no inbox without a user.",
  inboxStale: "Not live at the moment: these are the last known items.",
  inboxFailed: (reason) => `The inbox cannot be shown: ${reason}`,
  readAll: "Mark all as read",
  markRead: (what) => `Mark as read: ${what}`,
  markReadLabel: "Read",
  later: "Later",
  laterLabel: (what) => `Show again in an hour: ${what}`,
  newItem: "New",
  askedBy: (title) => `${title} asks`,
  more: "Show older items",
  snoozed: (count) => `${plural(count, "item")} put aside`,
  actionFailed: (reason) => `That did not work: ${reason}`,
  when(at, now) {
    const seconds = Math.max(0, Math.floor((now - at) / 1_000));
    if (seconds < 60) return "just now";
    if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
    return new Date(at).toDateString() === new Date(now).toDateString()
      ? clock.format(at)
      : day.format(at);
  },

  parts: "Parts",
  partsSummary(total, done, failed) {
    const said = `${numbers.format(done)} of ${plural(total, "part")} done`;
    return failed === 0 ? said : `${said}, ${numbers.format(failed)} failed`;
  },
  show: (title) => `Show the parts of ${title}`,
  hide: (title) => `Hide the parts of ${title}`,
  moreParts: (count) => `Show ${numbers.format(count)} more`,
  partsAway: "Not live at the moment: these are the last known parts.",
  weight: (weight) => `counts ${numbers.format(weight)}×`,
  waitingQuestions: (count) => plural(count, "question"),

  timeLeft: (low, high) => `About ${range(low, high)} left`,
  slower: "Slower than usual",
  slowerUnknown: "Slower than usual: the time left is not known",
  newKind: "No estimate yet for this kind of work",
  lastSign: (seconds) => `Last sign ${duration(seconds)} ago`,
  busy: (reason, until) =>
    until === undefined
      ? sentence(reason)
      : `${sentence(reason)} until about ${clock.format(until)}`,

  digest: "While you were away",
  digestSince: (at, now) => `Since ${englishPeopleTexts.when(at, now)}`,
  stepsDone: (count) => `${plural(count, "step")} done`,
  warnings: (count) => plural(count, "warning"),
  errors: (count) => plural(count, "error"),
  asked: (count) => plural(count, "question"),
  finished: (count) => `${numbers.format(count)} finished`,
  failed: (count) => `${numbers.format(count)} failed`,
  started: (count) => `${numbers.format(count)} started`,
  notices: (count) => plural(count, "message"),
  ended: "finished",
  endedBadly: "failed",
  andMore: "and more",
  seen: "Seen",
};

/** Returns a duration in one unit: `12 s`, `4 min`, `3 h`. */
function duration(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Returns a range of times: `20–45 s`, `2–4 min`, `1–3 h`. */
function range(lowMs: number, highMs: number): string {
  if (highMs < 90_000) {
    return between(Math.ceil(lowMs / 5_000) * 5, Math.max(5, Math.ceil(highMs / 5_000) * 5), "s");
  }
  const unit = highMs < 5_400_000 ? 60_000 : 3_600_000;
  const name = unit === 60_000 ? "min" : "h";
  return between(Math.max(1, Math.round(lowMs / unit)), Math.ceil(highMs / unit), name);
}

function between(low: number, high: number, unit: string): string {
  return low >= high ? `${high} ${unit}` : `${low}–${high} ${unit}`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
