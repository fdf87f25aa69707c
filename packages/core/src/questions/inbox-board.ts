import type { Question } from "@milepost/model";
import type { InboxAddress, Inboxes } from "../inbox/inbox-api.ts";
import type { QuestionBoard } from "./questions-api.ts";

/** Longest schema that an item of an inbox carries, in characters; a page reads a longer one from the question. */
const maxSchema = 6_000;

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

function dataOf({ schema, options, ...question }: Question): object {
  const { id, operation_id, title, operation_kind, kind, prompt, asked_at, deadline_at } = question;
  const fits = (value: unknown) => value !== undefined && JSON.stringify(value).length <= maxSchema;
  return {
    question_id: id,
    operation_id,
    title,
    operation_kind,
    kind,
    prompt,
    asked_at,
    ...(deadline_at !== undefined && { deadline_at }),
    ...(fits(options) && { options }),
    ...(fits(schema) && { schema }),
  };
}
