import { MilepostError } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { maxWaitingUpdates, updateRetriesMs } from "./ordered-sends.ts";
import { createStudioSender, personalChannel } from "./studio-sender.ts";

type Sent = readonly [channel: string, event: string, data: unknown, key: string];

function setUp(answer: (sent: Sent) => Promise<unknown> = async () => {}) {
  const sent: Sent[] = [];
  const waits: { readonly ms: number; readonly call: () => void }[] = [];
  const problems: MilepostError[] = [];
  let keys = 0;
  const sender = createStudioSender({
    publish: (channel, event, data, { key }) => {
      sent.push([channel, event, data, key]);
      return answer([channel, event, data, key]);
    },
    newKey: () => `k${++keys}`,
    after: (ms, call) => waits.push({ ms, call }),
    onProblem: (error) => problems.push(error),
  });
  return { sender, sent, waits, problems };
}

const away = () => new MilepostError("store_unavailable", "the store is away");

describe("the sender of updates for one person", () => {
  it("[P-PERSON-4] names the events and data of each method", async () => {
    const { sender, sent } = setUp();
    await sender.sendQueuePosition("7", 3, 5, 90_000);
    await sender.sendSyncProgress("7", "validating", 10, "Checking the files");
    await sender.sendPreviewStatus("7", "ready", { url: "http://localhost:8000" });
    await sender.sendGenerationProgress("7", { percent: 40 });
    await sender.notify("7", "Files synced", "success");
    await sender.sendError("7", "No space", "disk_full");
    await sender.broadcast("notification", { message: "Maintenance at noon" });
    expect(sent.map((one) => one.slice(0, 3))).toEqual([
      ["user:7", "queue:position", { position: 3, total: 5, estimatedWaitTime: 90_000 }],
      [
        "user:7",
        "sync:progress",
        { stage: "validating", percent: 10, message: "Checking the files" },
      ],
      ["user:7", "preview:status", { status: "ready", url: "http://localhost:8000" }],
      ["user:7", "generation:progress", { percent: 40 }],
      ["user:7", "notification", { message: "Files synced", level: "success" }],
      ["user:7", "error", { message: "No space", code: "disk_full" }],
      ["broadcast", "notification", { message: "Maintenance at noon" }],
    ]);
  });

  it.each([
    ["7", "user:7"],
    ["ann@example.com", "user:ann~40example.com"],
    ["guest:user_1_abc", "guest:user_1_abc"],
    ["guest:ann@x", "guest:ann~40x"],
    ["guest:ann~40x", "guest:ann~40x"],
    ["Guest:x", "user:Guest~3Ax"],
  ])("[P-PERSON-3] the channel of %s is %s", (id, channel) => {
    expect(personalChannel(id)).toBe(channel);
  });

  it("[P-PERSON-4] sends updates in the order of the calls and skips one that a later one replaces", async () => {
    let release = () => {};
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { sender, sent } = setUp(() => first);
    const outcomes = [
      sender.sendSyncProgress("7", "validating", 10),
      sender.sendSyncProgress("7", "syncing", 50),
      sender.sendError("7", "a"),
      sender.sendSyncProgress("7", "complete", 100),
      sender.sendError("7", "b"),
    ];
    release();
    expect(await Promise.all(outcomes)).toEqual([true, false, true, true, true]);
    expect(sent.map(([, event, data]) => [event, data])).toEqual([
      ["sync:progress", { stage: "validating", percent: 10 }],
      ["error", { message: "a" }],
      ["sync:progress", { stage: "complete", percent: 100 }],
      ["error", { message: "b" }],
    ]);
  });

  it("[P-PERSON-4] tries an update again under its key, and the next one waits for it", async () => {
    let fails = 2;
    const { sender, sent, waits, problems } = setUp(async () => {
      if (fails-- > 0) throw away();
    });
    const first = sender.sendError("7", "a");
    const second = sender.notify("7", "b");
    for (const ms of updateRetriesMs.slice(0, 2)) {
      await expect.poll(() => waits.at(-1)?.ms).toBe(ms);
      waits.at(-1)?.call();
    }
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(sent.map(([, event, , key]) => [event, key])).toEqual([
      ["error", "k1"],
      ["error", "k1"],
      ["error", "k1"],
      ["notification", "k2"],
    ]);
    expect(problems).toEqual([]);
  });

  it("[P-PERSON-4] a refused update reports its error once, and ends no process if nobody awaits it", async () => {
    const { sender, problems } = setUp(async () => {
      throw new MilepostError("invalid_data", "percent must be a number from 0 to 100");
    });
    void sender.sendSyncProgress("7", "syncing", 400);
    await expect.poll(() => problems.map(({ code }) => code)).toEqual(["invalid_data"]);
    await expect(sender.sendError("7", "x")).rejects.toMatchObject({ code: "invalid_data" });
  });

  it("[P-PERSON-4] refuses an update without a user instead of sending it to somebody called undefined", async () => {
    const { sender, sent } = setUp();
    const missing = undefined as unknown as string;
    await expect(sender.notify(missing, "x")).rejects.toMatchObject({ code: "bad_message" });
    await expect(sender.notify("", "x")).rejects.toMatchObject({ code: "bad_message" });
    expect(sent).toEqual([]);
  });

  it("[P-PERSON-4] refuses more updates for one person than may wait, and others still go out", async () => {
    const { sender, sent } = setUp(([channel]) =>
      channel === "user:7" ? new Promise(() => {}) : Promise.resolve(),
    );
    void sender.notify("7", "first");
    for (let i = 0; i < maxWaitingUpdates; i++) void sender.notify("7", `${i}`);
    await expect(sender.notify("7", "more")).rejects.toMatchObject({ code: "rate_limited" });
    expect(await sender.notify("8", "hello")).toBe(true);
    expect(sent).toHaveLength(2);
  });

  it("[P-PERSON-5] the queue's length counts each person once, until position 0 or the launch", async () => {
    const { sender } = setUp();
    for (const [user, position] of [
      ["a", 1],
      ["b", 2],
      ["b", 1],
      ["c", 3],
    ] as const) {
      await sender.sendQueuePosition(user, position, 3);
    }
    expect(sender.getQueueLength()).toBe(3);
    await sender.sendSyncProgress("a", "launching", 70);
    await sender.sendQueuePosition("b", 0, 1);
    expect(sender.getQueueLength()).toBe(1);
  });
});
