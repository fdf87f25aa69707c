import {
  type Amount,
  addAmounts,
  amountOf,
  compareAmounts,
  isFinal,
  isOverBudget,
  isSettled,
  maxAmount,
  type OperationCommand,
  type OperationState,
  type QuestionState,
} from "@milepost/model";

/** Beginning of the ids of commands that a budget requests. People cannot choose the id of a command. */
const ownCommand = /^budget-(?:pause|resume|cancel)-(.+)-\d+$/;

/** A command that a budget requests. */
export type BudgetCommand = "pause" | "resume" | "cancel";
/** Answers that people may give when a budget has been passed. */
export const budgetAnswers = ["raise", "continue", "stop"] as const;
export type BudgetAnswer = (typeof budgetAnswers)[number];

/** Next step about a budget, with the question that it concerns. */
export type BudgetStep =
  /** The counter has passed the limit, and nobody has been asked yet. */
  | { readonly kind: "ask" }
  /** The work goes on although the question is open. */
  | { readonly kind: "pause"; readonly question: string }
  /** Somebody has answered. */
  | { readonly kind: "settle"; readonly question: string; readonly answer: BudgetAnswer }
  /** The answer was to stop, and the work goes on. */
  | { readonly kind: "cancel"; readonly question: string }
  /** A budget has paused the work, of this operation or of one above, and its question may be over. */
  | { readonly kind: "look"; readonly question: string };

/**
 * Returns what has to be done next about the budget of an operation, or about a pause that the budget of an operation above
 * has requested. Everything is in the state, so any node can go on, and a repeated step changes nothing.
 */
export function budgetStep(state: OperationState): BudgetStep | undefined {
  const { budget, status, commands } = state;
  if (isFinal(status) || (budget === undefined && commands.length === 0)) return undefined;
  if (budget !== undefined) {
    const step = ofBudget(state, budget);
    if (step !== undefined) return step;
  }
  const last = commands.findLast(({ id }) => ownCommand.test(id));
  const question = last === undefined ? undefined : questionOf(last);
  if (status !== "paused" || last === undefined || question === undefined) return undefined;
  const own = budget?.question_id === question ? findQuestion(state, question) : undefined;
  if (own?.status === "open") return undefined;
  const isToGoOn = last.command === "resume" && last.phase === "timed_out";
  return last.command === "pause" || isToGoOn ? { kind: "look", question } : undefined;
}

function ofBudget(
  state: OperationState,
  { passed_at, stopped, question_id: id }: NonNullable<OperationState["budget"]>,
): BudgetStep | undefined {
  if (passed_at === undefined) return isOverBudget(state) ? { kind: "ask" } : undefined;
  if (id === undefined) return undefined;
  if (stopped === true)
    return needs(state, "cancel", id) ? { kind: "cancel", question: id } : undefined;
  const question = findQuestion(state, id);
  switch (question?.status) {
    case "open":
      return state.status === "running" && needs(state, "pause", id)
        ? { kind: "pause", question: id }
        : undefined;
    case "answered":
      return { kind: "settle", question: id, answer: answerOf(question) };
    case "expired":
    case "withdrawn":
      // It ended with an earlier attempt. One that a service has withdrawn is not asked again.
      return question.reason === "withdrawn" ? undefined : { kind: "ask" };
    default:
      return undefined;
  }
}

/** Times that one command is requested from a producer that does not acknowledge it. */
const maxRequests = 5;

/** True if the command has to be requested, for the first time or because nobody has acknowledged it in time. */
export function needs(
  { commands }: Pick<OperationState, "commands">,
  command: BudgetCommand,
  question: string,
): boolean {
  const before = requested(commands, command, question);
  const last = before.at(-1);
  return last === undefined || (last.phase === "timed_out" && before.length < maxRequests);
}

/** Returns the id of the next command that a budget requests because of a question. */
export function commandId(
  { commands }: Pick<OperationState, "commands">,
  command: BudgetCommand,
  question: string,
): string {
  return `budget-${command}-${question}-${requested(commands, command, question).length}`;
}

/** True while a command of a budget waits for its producer. */
export function isRequested(
  { commands }: Pick<OperationState, "commands">,
  question: string,
): boolean {
  return commands.some((one) => questionOf(one) === question && !isSettled(one.phase));
}

/** True if a budget has paused the operation because of this question, and nothing after it. */
export function isPausedBy({ commands, status }: OperationState, question: string): boolean {
  const last = commands.findLast(({ id }) => ownCommand.test(id));
  return status === "paused" && last !== undefined && questionOf(last) === question;
}

/** Returns the limit to which a passed budget is raised: twice the limit, or twice what is spent if that is more. */
export function raisedLimit({ budget, counters }: OperationState): Amount {
  if (budget === undefined) return maxAmount;
  const twice = addAmounts(budget.limit, budget.limit);
  const spent = amountOf(counters, budget.counter);
  return compareAmounts(twice, spent) > 0 ? twice : addAmounts(spent, spent);
}

function requested(
  commands: readonly OperationCommand[],
  command: BudgetCommand,
  question: string,
): readonly OperationCommand[] {
  return commands.filter((one) => one.command === command && questionOf(one) === question);
}

function questionOf({ id }: OperationCommand): string | undefined {
  return ownCommand.exec(id)?.[1];
}

function findQuestion({ questions }: OperationState, id: string): QuestionState | undefined {
  return questions?.find((question) => question.id === id);
}

/** Returns what was decided. An answer of another form, of a question that is not the budget's, stops nothing. */
export function answerOf({ answer }: { readonly answer?: unknown }): BudgetAnswer {
  return budgetAnswers.find((one) => one === answer) ?? "continue";
}
