import type { Question } from "@milepost/model";
import { cutText, utf8 } from "@milepost/protocol";
import type { InboxAddress, Inboxes } from "../inbox/inbox-api.ts";
import { maxItemBytes } from "../inbox/inbox-item.ts";
import type { QuestionBoard } from "./questions-api.ts";

/** Longest prompt in an item whose data are too long otherwise, in characters. */
const shortPrompt = 2_000;

/** Returns the board that shows questions in the inboxes of the people that may answer them. */
export function inboxBoard(inbox: () => Inboxes): QuestionBoard {
  return {
    async put(question, lists) {
      const address = addressOf(lists);
      const data = dataOf(question);
      if (address !== undefined) {
        await inbox().put(address, { id: question.id, kind: "question", data });
      }
    },
    async close(question, lists) {
      const address = addressOf(lists);
      if (address !== undefined) await inbox().close(address, question.id, question.status);
    },
    async snooze(principal, question, until) {
      if (principal.kind !== "user" || principal.user === undefined) return;
      await inbox().snooze(principal, principal.user, [question.id], { until });
    },
  };
}

/** Returns the people in whose lists a question is; undefined for one that only a session may answer. */
function addressOf(lists: readonly string[]): InboxAddress | undefined {
  const of = (prefix: string) =>
    lists.filter((list) => list.startsWith(prefix)).map((list) => list.slice(prefix.length));
  const [users, roles] = [of("user:"), of("role:")];
  return users.length + roles.length === 0 ? undefined : { users, roles };
}

/** Returns the item of a question. What does not fit a page reads from the question itself. */
function dataOf({ schema, options, ...question }: Question): object {
  const { id, operation_id, title, operation_kind, kind, prompt, asked_at, deadline_at } = question;
  const rest = { options, schema };
  const whole = {
    question_id: id,
    operation_id,
    title,
    operation_kind,
    kind,
    prompt,
    asked_at,
    ...(deadline_at !== undefined && { deadline_at }),
    ...(question.private === true && { private: true }),
  };
  const isLong = bytesOf(whole) > maxItemBytes;
  const item = isLong ? { ...whole, prompt: cutText(prompt, shortPrompt) } : whole;
  let left = maxItemBytes - bytesOf(item);
  const fitting = Object.entries(rest).filter(([name, value]) => {
    const bytes = value === undefined ? Number.POSITIVE_INFINITY : bytesOf({ [name]: value });
    if (bytes > left) return false;
    left -= bytes;
    return true;
  });
  return { ...item, ...Object.fromEntries(fitting) };
}

function bytesOf(value: unknown): number {
  return utf8.encode(JSON.stringify(value)).length;
}
