import type {
  AnswerTakenRecord,
  AskedRecord,
  QuestionFact,
  QuestionStateRecord,
} from "./question-records.ts";
import type { Accuse } from "./violation.ts";

interface Known {
  readonly operation: string;
  readonly key: string;
  /** What each person was told that the answer is. */
  readonly taken: AnswerTakenRecord[];
  isWithdrawn: boolean;
  /** Question that asking again with the same key has given. */
  replacedBy: string | undefined;
  isSeen: boolean;
}

type Blame = (says: string) => void;

/** Time by which a deadline, an escalation or the end of an operation may be carried out late, in milliseconds. */
const slackMs = 15_000;

/**
 * Checks W6, questions to people: asking again with one key is one question, exactly one answer counts and everyone is told
 * the same, deadlines and escalations happen although nodes die, nothing stays open after its operation, and the log and
 * the inboxes say what the store says.
 */
export class QuestionChecks {
  readonly #questions = new Map<string, Known>();
  readonly #byKey = new Map<string, string>();
  readonly #over = new Map<string, number>();

  take(record: QuestionFact, t: number, accuse: Accuse): void {
    const blame = (says: string) => accuse("W6", says);
    switch (record.type) {
      case "asked":
        this.#asked(record);
        return;
      case "answer_taken":
        this.#taken(record, blame);
        return;
      case "question_over":
        if (record.question === undefined) this.#over.set(record.operation, t);
        else this.#require(record.question).isWithdrawn = true;
        return;
      case "question_state":
        this.#state(record, t, blame);
        return;
      case "questions_end":
        for (const [id, { isSeen }] of this.#questions) {
          if (!isSeen) blame(`${id} was asked and is gone`);
        }
    }
  }

  #asked({ operation, key, question }: AskedRecord): void {
    const name = `${operation} ${key}`;
    // The answer to an earlier request may come late, and name a question that was withdrawn since.
    if (this.#questions.has(question)) return;
    const before = this.#byKey.get(name);
    if (before !== undefined) this.#require(before).replacedBy = question;
    this.#byKey.set(name, question);
    this.#questions.set(question, {
      operation,
      key,
      taken: [],
      isWithdrawn: false,
      replacedBy: undefined,
      isSeen: false,
    });
  }

  #taken(record: AnswerTakenRecord, blame: Blame): void {
    const { taken } = this.#require(record.question);
    for (const { by, answer } of taken) {
      if (by !== record.by || answer !== record.answer) {
        blame(`${record.question} took ${record.answer} of ${record.by} after ${answer} of ${by}`);
      }
    }
    taken.push(record);
  }

  #state(record: QuestionStateRecord, t: number, blame: Blame): void {
    const { operation, question, key, status } = record;
    const says = (what: string) => blame(`${question} ${what}`);
    const known = this.#questions.get(question);
    if (known !== undefined) {
      known.isSeen = true;
      if (known.operation !== operation || known.key !== key) {
        says(`belongs to ${operation} ${key}, not to ${known.operation} ${known.key}`);
      }
    }
    if (known?.replacedBy !== undefined && status !== "withdrawn" && status !== "expired") {
      says(`is ${status}, but asking again gave ${known.replacedBy}`);
    }
    const last = known?.taken.at(-1);
    if (last !== undefined) {
      if (status !== "answered" || record.answer !== last.answer || record.by !== last.by) {
        says(`took ${last.answer} of ${last.by}, but is ${status} with ${record.answer}`);
      }
    }
    const overAt = this.#over.get(operation);
    if (status === "open") {
      if (overAt !== undefined && t - overAt > slackMs) says("is open after its operation");
      if (record.deadline !== undefined && t - record.deadline > slackMs) {
        says("is open after its deadline");
      }
      if (known?.isWithdrawn === true) says("is open after it was withdrawn");
    }
    atDeadline(record, says);
    escalated(record, t, says);
    // The state of an operation that is over takes no questions any more; the events of its log say what came late.
    if (record.shown !== undefined || overAt === undefined) shown(record, says);
    inInboxes(record, says);
  }

  #require(question: string): Known {
    const known = this.#questions.get(question);
    if (known === undefined) throw new Error(`no record tells of the question ${question}`);
    return known;
  }
}

function atDeadline(record: QuestionStateRecord, says: Blame): void {
  const { status, by_default, deadline, settled = 0, answer } = record;
  const isByTime = status === "expired" || by_default;
  if (isByTime && (deadline === undefined || settled < deadline)) {
    says(`was settled by its deadline at ${settled} ms, before ${deadline ?? "any"}`);
  }
  if (status === "expired" && record.default !== undefined)
    says("expired although it has a default");
  if (by_default && answer !== record.default) says(`has ${answer} instead of its default`);
  if (status === "answered" && !by_default && !record.audience.includes(record.by ?? "")) {
    says(`was answered by ${record.by}, for whom it is not`);
  }
}

function escalated(record: QuestionStateRecord, t: number, says: Blame): void {
  const { status, escalates, level, settled } = record;
  const until = status === "open" ? t : (settled ?? t);
  const early = escalates.filter((at) => at <= until).length;
  if (level > early) says(`escalated to the step ${level} before its time`);
  // A question may be settled while faults delay its steps.
  const due = status === "open" ? escalates.filter((at) => at <= t - slackMs).length : 0;
  if (level < due) says(`escalated to the step ${level} only, of ${due}`);
}

/** The state of the operation says what the store says. */
function shown({ status, answer, level, shown: said }: QuestionStateRecord, says: Blame): void {
  if (said === undefined) {
    if (status !== "withdrawn") says(`is ${status} and not in the log`);
    return;
  }
  if (said.status !== status && said.status !== "withdrawn") {
    says(`is ${status}, but the log says ${said.status}`);
  }
  if (said.status === "answered" && said.answer !== answer) {
    says(`has the answer ${answer}, but the log says ${said.answer}`);
  }
  if (status === "open" && said.level !== level) {
    says(`is at the step ${level}, but the log says ${said.level}`);
  }
}

function inInboxes({ status, audience, inboxes }: QuestionStateRecord, says: Blame): void {
  const wanted = status === "open" ? audience : [];
  for (const user of wanted) if (!inboxes.includes(user)) says(`is not in the inbox of ${user}`);
  for (const user of inboxes) {
    if (!wanted.includes(user)) says(`is ${status} and in the inbox of ${user}`);
  }
}
