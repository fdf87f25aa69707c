import type { Operation, Producer } from "@milepost/producer";

/** Parts of a release, with their share of its progress and their tasks. */
const parts = [
  { name: "build", weight: 3, tasks: ["compile", "bundle", "sign"] },
  { name: "tests", weight: 2, tasks: ["unit", "browser"] },
] as const;

/** Region to which a release goes. */
const regions = [
  { id: "eu", title: "Europe first", description: "4 % of all users" },
  { id: "all", title: "Everywhere at once" },
];

/**
 * Releases something in parts, each an operation of its own, and asks its user on the way: where to, and how carefully. The
 * work is made up, and the reports and questions are those of a real release.
 */
export async function release(
  op: Operation,
  producer: Producer,
  user: string,
  pause: () => Promise<unknown>,
): Promise<{ readonly region: string; readonly percent: number }> {
  for (const { name, weight, tasks } of parts) {
    const options = { kind: "release-part", title: `The ${name}`, user, parent: op.id, weight };
    await producer.run(options, async (part) => {
      for (const [done, task] of tasks.entries()) {
        part.progress({ done, total: tasks.length, message: task });
        await pause();
      }
      if (name === "tests") part.log({ level: "warning", message: "one test is slow" });
    });
    await op.step(name, async () => {});
  }
  const region = await op.ask<string>({
    kind: "choose",
    prompt: "Where does the release go?",
    options: regions,
    deadlineMs: 600_000,
    default: "eu",
  });
  const { percent } = await op.ask<{ readonly percent: number }>({
    kind: "input",
    prompt: "How carefully?",
    schema: {
      type: "object",
      required: ["percent"],
      properties: {
        percent: { type: "integer", title: "Percent of the users", minimum: 1, maximum: 100 },
        watch: { type: "boolean", title: "Watch the errors" },
        note: { type: "string", title: "Note", maxLength: 80 },
      },
    },
    deadlineMs: 600_000,
    default: { percent: 10, watch: true },
  });
  await op.step("roll-out", async (step) => {
    step.progress({ done: 1, total: 2 });
    await pause();
  });
  return { region, percent };
}
