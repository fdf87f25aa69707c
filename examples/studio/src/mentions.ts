import { isChannelSegment } from "@milepost/protocol";
import type { Gateway } from "@milepost/server";
import { Refusal } from "./http-answer.ts";

const maxUsers = 20;
const maxTextLength = 2_000;

/** Comment of the shared workflow that mentions visitors. */
export interface Mention {
  readonly comment: string;
  readonly author: string;
  readonly users: readonly string[];
  readonly text: string;
}

/** Reads the body of a request. Throws a {@link Refusal} for anything else than a mention. */
export function readMention(body: Record<string, unknown>): Mention {
  const { comment, author, users, text } = body;
  const isText = (value: unknown, max: number) =>
    typeof value === "string" && value !== "" && value.length <= max;
  const isValid =
    isText(comment, 64) &&
    isText(author, 40) &&
    isText(text, maxTextLength) &&
    Array.isArray(users) &&
    users.length > 0 &&
    users.length <= maxUsers &&
    users.every((id) => typeof id === "string" && isChannelSegment(id));
  if (isValid) return body as unknown as Mention;
  throw new Refusal(
    400,
    `a mention has comment, author, text and users, a list of 1 to ${maxUsers} visitors`,
  );
}

/** Tells each mentioned visitor once, however often the page repeats the request. */
export async function tellMentioned(gateway: Gateway, mention: Mention): Promise<void> {
  const { comment, author, users, text } = mention;
  await Promise.all(
    users.map((user) =>
      gateway.publish(
        `guest:${user}`,
        "notification",
        {
          id: `mention:${comment}`,
          level: "info",
          title: `${author} mentioned you`,
          message: text,
        },
        { key: `mention:${comment}` },
      ),
    ),
  );
}
