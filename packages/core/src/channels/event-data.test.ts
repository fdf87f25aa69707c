import type { SchemaIssue, StandardSchema } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Rule } from "../rules/rule.ts";
import { testCore } from "../testing/index.ts";

/**
 * Returns a synchronous schema that reports the given issues of a value, and replaces a value without issues by
 * another one.
 */
function schema(issuesOf: (value: unknown) => readonly SchemaIssue[]): StandardSchema {
  const validate = (value: unknown) => {
    const issues = issuesOf(value);
    return issues.length === 0 ? { value: { made: "anew" } } : { issues };
  };
  return { "~standard": { version: 1, vendor: "test", validate } };
}

const message = schema((value) => {
  const { text, tags = [] } = value as { text?: unknown; tags?: unknown[] };
  return [
    ...(typeof text === "string" ? [] : [{ message: "expected string", path: ["text"] }]),
    ...tags.flatMap((tag, i) =>
      typeof tag === "string" ? [] : [{ message: "expected string", path: [{ key: "tags" }, i] }],
    ),
  ];
});

const never = schema(() => [{ message: "no such event" }]);

function rulesWith(schema: Rule["schema"]): Rule[] {
  const retention = { maxEntries: 100, maxAgeMs: 60_000 };
  const access = { subscribe: "authenticated", publish: "authenticated", retention } as const;
  return [{ pattern: "chat:{room}", ...access, ...(schema === undefined ? {} : { schema }) }];
}

/** Asynchronous schema whose answers the test supplies one by one, in any order. */
class LaterSchema implements StandardSchema {
  readonly asked: unknown[] = [];
  readonly #answers: ((issues: readonly { message: string }[] | undefined) => void)[] = [];
  readonly "~standard" = {
    version: 1,
    vendor: "test",
    validate: (value: unknown) =>
      new Promise<{ value: unknown } | { issues: readonly { message: string }[] }>((resolve) => {
        this.asked.push(value);
        this.#answers.push((issues) => resolve(issues === undefined ? { value } : { issues }));
      }),
  } as const;

  answer(index: number, issues?: readonly { message: string }[]): void {
    this.#answers[index]?.(issues);
  }
}

describe("data of published events", () => {
  test("[P-RULE-3] event data that do not match the schema are refused as invalid_data with the path, and are not stored", async () => {
    await using t = testCore({ rules: rulesWith({ message }) });
    await expect(t.publish("chat:1", "message", { text: 5, tags: [1] })).rejects.toMatchObject({
      code: "invalid_data",
      retryable: false,
      message: expect.stringMatching(/message.*text: .*expected string.*tags\[0\]: /s),
    });
    expect((await t.core.channels.history(t.service, "chat:1")).entries).toEqual([]);
  });

  test("[P-RULE-3] [P-DIA-4] event data that match the schema are stored as sent, not as the schema transforms them", async () => {
    await using t = testCore({ rules: rulesWith({ message }) });
    await t.publish("chat:1", "message", { text: "hi", more: 1 });
    const { entries } = await t.core.channels.history(t.service, "chat:1");
    expect(entries.map(({ data }) => data)).toEqual([{ text: "hi", more: 1 }]);
  });

  test("[P-RULE-3] a schema that mutates the value it validates does not change the stored data", async () => {
    const meddling: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate(value) {
          (value as { n: number }).n = 666;
          return { value };
        },
      },
    };
    await using t = testCore({ rules: rulesWith({ "*": meddling }) });
    const data = { n: 1 };
    await t.publish("chat:1", "e", data);
    expect(data).toEqual({ n: 1 });
    expect((await t.core.channels.history(t.service, "chat:1")).entries).toMatchObject([
      { data: { n: 1 } },
    ]);
  });

  test("[P-RULE-3] events without a schema of their own accept any data, or what the * schema accepts", async () => {
    await using t = testCore({ rules: rulesWith({ message }) });
    await t.publish("chat:1", "toString", 7);
    await using strict = testCore({ rules: rulesWith({ message, "*": never }) });
    await strict.publish("chat:1", "message", { text: "hi" });
    await expect(strict.publish("chat:1", "toString", 7)).rejects.toMatchObject({
      code: "invalid_data",
    });
  });

  const textAt = schema((value) =>
    typeof (value as { at: unknown }).at === "string" ? [] : [{ message: "expected string" }],
  );
  const keys = schema((value) =>
    Object.keys(value as object).map((key) => ({ message: "expected number", path: [key] })),
  );

  test("[P-RULE-3] schemas validate the JSON form of event data, as subscribers receive it", async () => {
    await using t = testCore({ rules: rulesWith({ "*": textAt }) });
    await t.publish("chat:1", "e", { at: new Date(0) });
    expect((await t.core.channels.history(t.service, "chat:1")).entries).toMatchObject([
      { data: { at: "1970-01-01T00:00:00.000Z" } },
    ]);
  });

  test("[P-RULE-3] the error for invalid event data is one line of bounded length, even if field names are long or have line breaks", async () => {
    await using t = testCore({ rules: rulesWith({ "*": keys }) });
    const data = Object.fromEntries(
      Array.from({ length: 500 }, (_, n) => [`line\n${n}${"x".repeat(400)}`, "no"]),
    );
    const refused = await t.publish("chat:1", "e", data).catch((error: Error) => error.message);
    expect(refused).toMatch(/^[^\p{Cc}]{100,600}$/u);
  });

  test("[P-RULE-4] an asynchronous schema does not change the order of publishes to its channel", async () => {
    const later = new LaterSchema();
    await using t = testCore({ rules: rulesWith({ slow: later }) });
    const outcomes = [
      t.publish("chat:1", "slow", 1),
      t.publish("chat:1", "slow", 2),
      t.publish("chat:1", "quick", 3),
      t.publish("chat:1", "slow", 4),
    ].map((published) => published.catch(({ code }) => code));
    await t.publish("chat:2", "quick", 0);
    expect(later.asked).toEqual([1, 2, 4]);
    later.answer(2);
    later.answer(1, [{ message: "no" }]);
    await t.clock.settle();
    expect((await t.core.channels.history(t.service, "chat:1")).entries).toEqual([]);
    later.answer(0);
    expect((await Promise.all(outcomes))[1]).toBe("invalid_data");
    const { entries } = await t.core.channels.history(t.service, "chat:1");
    expect(entries.map(({ data }) => data)).toEqual([1, 3, 4]);
  });

  test("[P-RULE-4] a publish whose schema never answers fails with timed_out after 5 s, and later publishes succeed", async () => {
    const later = new LaterSchema();
    await using t = testCore({ rules: rulesWith({ slow: later }) });
    const never = t.publish("chat:1", "slow", 1).catch(({ code }) => code);
    const after = t.publish("chat:1", "quick", 2);
    await t.clock.advance(5_000);
    expect(await never).toBe("timed_out");
    expect(await after).toMatchObject({ duplicate: false });
  });

  test("[P-RULE-3] a schema that throws fails the publish with internal, hides its message, and stores nothing", async () => {
    const broken: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate() {
          throw new Error("secret of the host program");
        },
      },
    };
    await using t = testCore({ rules: rulesWith({ "*": broken }) });
    const socket = t.connect({ principal: t.user("ada") });
    await t.clock.settle();
    socket.take();
    socket.send({ type: "publish", id: 1, channel: "chat:1", event: "e", data: 1 });
    await t.clock.settle();
    const [reply] = socket.take();
    expect(reply).toMatchObject({ id: 1, error: { code: "internal" } });
    expect(JSON.stringify(reply)).not.toContain("secret");
    expect(t.faults).toHaveLength(1);
  });
});
