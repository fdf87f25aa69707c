import type { Question } from "@milepost/model";
import type { MilepostError } from "@milepost/protocol";
import type { Client } from "../client.ts";
import { openInbox } from "../inbox/inbox.ts";
import { request, requestQuestions } from "./question-requests.ts";

/** State of a source, which it knows without asking the gateway. */
export interface SourceNews {
  /** Text that changes with each change of a question; undefined until the source knows. */
  readonly version: string | undefined;
  readonly status: "loading" | "none" | "live" | "stale" | "failed";
  readonly error: MilepostError | undefined;
}

/** Source of questions: it loads them, and says when they may have changed. */
export interface QuestionSource {
  readonly news: SourceNews;
  /** Calls `changed` when the news may have changed, until the returned function is called. */
  follow(changed: () => void): () => void;
  /** Asks the gateway for the questions. `known` are those shown as open until now. */
  load(known: readonly Question[]): Promise<readonly Question[]>;
}

/** Returns the source of one operation's questions: its state says when they change. */
export function operationQuestions(client: Client, operationId: string): QuestionSource {
  const operation = client.operation(operationId);
  return {
    get news(): SourceNews {
      const { view } = operation;
      if (view.kind === "error") {
        return { version: undefined, status: "failed", error: view.error };
      }
      if (view.kind === "missing" || view.kind === "pending") {
        return { version: undefined, status: "none", error: undefined };
      }
      if (view.kind === "loading") {
        return { version: undefined, status: "loading", error: undefined };
      }
      const { questions = [] } = view.state;
      const version = questions.map(({ id, status, level = 0 }) => `${id} ${status} ${level}`);
      return {
        version: version.join(),
        status: view.stale ? "stale" : "live",
        error: undefined,
      };
    },
    follow: (changed) => operation.subscribe(changed),
    async load() {
      if ((operation.state?.questions ?? []).length === 0) return [];
      return requestQuestions(client, { operation_id: operationId });
    },
  };
}

/** Returns the source of the questions that wait for the client's person: its inbox says when they change. */
export function personQuestions(client: Client): QuestionSource {
  const inbox = openInbox(client);
  return {
    get news(): SourceNews {
      const { status, items, snoozed, error } = inbox.getSnapshot();
      // A session without a user has no inbox. Its questions are asked for once for each connection.
      if (status === "none") return { version: "", status: "live", error: undefined };
      if (status === "loading" || status === "failed") return { version: undefined, status, error };
      const version = [...items, ...snoozed]
        .filter(({ kind }) => kind === "question")
        .map(({ id, snoozed_until: until = 0, role = "" }) => `${id} ${until} ${role}`);
      return { version: version.sort().join(), status, error };
    },
    follow: (changed) => inbox.subscribe(changed),
    async load(known) {
      const open = await requestQuestions(client, {});
      const ids = new Set(open.map(({ id }) => id));
      const over = known.filter(({ id, status }) => status === "open" && !ids.has(id));
      const ends = await Promise.all(
        // A question that may no longer be seen, or is forgotten, simply leaves.
        over.map((one) => requestQuestion(client, one).catch(() => undefined)),
      );
      return [...open, ...ends.filter((one) => one !== undefined)];
    },
  };
}

function requestQuestion(client: Client, { id, operation_id }: Question): Promise<Question> {
  return request(client, "questions.get", { operation_id, question_id: id });
}
