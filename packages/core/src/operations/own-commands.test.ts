import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import {
  type CommandDefinition,
  type CreatedOperation,
  operationBounds,
  type RequestCommand,
} from "@milepost/model";
import type { StandardSchema } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import { report, runningOperation } from "../testing/running-operation.ts";

/** Compiles schemas of the form `{required}`, which is all that these tests need. */
function jsonSchema(schema: unknown): StandardSchema {
  const { required } = schema as { required?: readonly string[] };
  if (required !== undefined && !Array.isArray(required))
    throw new Error("required must be a list");
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        const missing = required?.find((name) => !Object.hasOwn(Object(value), name));
        if (missing === undefined) return { value };
        return { issues: [{ message: "is missing", path: [missing] }] };
      },
    },
  };
}

const level: CommandDefinition = { name: "level", title: "Level", schema: { required: ["value"] } };

function running(t: TestCore, rest: object = {}): Promise<CreatedOperation> {
  const commands = [level, { name: "again", while: ["paused"] }] as const;
  return runningOperation(t, { accepts: { commands }, ...rest });
}

function command(
  t: TestCore,
  { operation }: CreatedOperation,
  request: RequestCommand,
  user = "ada",
) {
  return t.core.operations.command(t.user(user), operation.id, request);
}

/** Returns the number of commands that the log has requested. */
async function requested(t: TestCore, { channel }: CreatedOperation): Promise<number> {
  const { entries } = await t.core.channels.history(t.service, channel, { limit: 1_000 });
  const ids = entries.flatMap(({ event, data }) => {
    const { phase, command_id } = data as { phase: string; command_id: string };
    return event === "command" && phase === "requested" ? [command_id] : [];
  });
  return new Set(ids).size;
}

describe("commands of an operation's own", () => {
  test("[P-CMD-7] a command that the operation declares reaches its producer with arguments that fit its schema", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    await command(t, created, { command: "level", args: { value: 3 } });
    const { id } = created.operation;
    expect(await t.core.operations.pendingCommands(t.service, { operation: id }, 0)).toMatchObject([
      { command: "level", args: { value: 3 }, by: "ada" },
    ]);
  });

  test("[P-CMD-7] arguments that do not fit are invalid_data that names the place, and are not logged", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    for (const args of [undefined, {}, { other: 1 }]) {
      const request = { command: "level", ...(args === undefined ? {} : { args }) };
      await expect(command(t, created, request)).rejects.toMatchObject({
        code: "invalid_data",
        message: "args.value: is missing",
      });
    }
    expect(await requested(t, created)).toBe(0);
  });

  test("[P-CMD-7] a command that the operation does not have is bad_message that names those it has", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    await expect(command(t, created, { command: "explode" })).rejects.toMatchObject({
      code: "bad_message",
      message: expect.stringContaining("it has cancel, pause, resume, retry, level, again"),
    });
    await expect(command(t, created, { command: "Not a name" })).rejects.toMatchObject({
      code: "bad_message",
    });
  });

  test("[P-CMD-7] a command is allowed in the statuses that it names, and by default until the end", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    await expect(command(t, created, { command: "again" })).rejects.toMatchObject({
      code: "not_possible_now",
    });
    await report(t, created, "paused", {});
    expect(await command(t, created, { command: "again" })).toMatchObject({ phase: "requested" });
    await report(t, created, "done", {});
    const late = { command: "level", args: { value: 1 } };
    await expect(command(t, created, late)).rejects.toMatchObject({ code: "not_possible_now" });
  });

  test("[P-CMD-7] an operation declares other commands while it runs, and an invalid schema is refused with its place", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    const broken = { name: "b", schema: { required: 1 } };
    expect(await report(t, created, "accepts", { commands: [level, broken] })).toMatchObject({
      error: { code: "invalid_data", message: expect.stringContaining("commands[1].schema") },
    });
    await report(t, created, "accepts", { commands: [{ name: "other" }] });
    await expect(command(t, created, { command: "level" })).rejects.toMatchObject({
      code: "bad_message",
    });
    expect(await command(t, created, { command: "other" })).toMatchObject({ phase: "requested" });
    await expect(running(t, { accepts: { commands: [broken] } })).rejects.toMatchObject({
      code: "invalid_data",
      message: expect.stringContaining("accepts.commands[0].schema"),
    });
  });

  test("[P-CMD-7] every operation of a kind has the commands that the contract gives the kind", async () => {
    const contract = {
      "~milepost": "contract",
      channels: undefined,
      operations: { index: { commands: { boost: jsonSchema({ required: ["by"] }) } } },
      methods: undefined,
    } as const;
    await using t = testCore({ jsonSchema, contract });
    const created = await running(t, { accepts: { commands: [level] } });
    await expect(command(t, created, { command: "boost" })).rejects.toMatchObject({
      code: "invalid_data",
      message: "args.by: is missing",
    });
    const fits = { command: "boost", args: { by: 2 } };
    expect(await command(t, created, fits)).toMatchObject({ phase: "requested" });
  });
});

describe("commands sent more than once", () => {
  test("[P-CMD-8] pressing cancel twice, with keys or without and from two people, is one command with one outcome", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    const first = await command(t, created, { command: "cancel" });
    expect(await command(t, created, { command: "cancel" })).toEqual(first);
    const { command_id } = first;
    await report(t, created, "command", { command_id, command: "cancel", phase: "acknowledged" });
    const again = { ...first, phase: "acknowledged" };
    expect(await command(t, created, { command: "cancel", key: "other" })).toEqual(again);
    const { id } = created.operation;
    expect(await t.core.operations.command(t.service, id, { command: "cancel" })).toEqual(again);
    expect(await requested(t, created)).toBe(1);
    await report(t, created, "command", { command_id, command: "cancel", phase: "refused" });
    const same = await command(t, created, { command: "cancel", key: "other" });
    expect(same).toEqual({ command_id, phase: "refused" });
    const later = await command(t, created, { command: "cancel" });
    expect(later.command_id).not.toBe(command_id);
  });

  test("[P-CMD-8] cancel sent through two nodes at once is one command, and both senders follow it", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const node = (name: string, n: number) =>
      testCore({ clock, random: new SeededRandom(n), node: name, engine: engine.factory });
    await using a = node("a", 1);
    await using b = node("b", 2);
    const created = await running(a, { accepts: { commands: [{ name: "level" }] } });
    const both = await Promise.all([
      command(a, created, { command: "cancel" }),
      b.core.operations.command(b.service, created.operation.id, { command: "cancel", key: "k" }),
    ]);
    expect(both[0]).toEqual(both[1]);
    const { commands } = (await b.core.operations.get(b.service, created.operation.id)).operation;
    expect(commands).toHaveLength(1);
    const own = { command: "level", args: { value: 1 } };
    const twice = await Promise.all([command(a, created, own), command(b, created, own)]);
    expect(twice[0]).toEqual(twice[1]);
  });

  test("[P-CMD-8] the same key sent through two nodes at once is one new command, although an earlier one of its name is done", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const node = (name: string, n: number) =>
      testCore({ clock, random: new SeededRandom(n), node: name, engine: engine.factory });
    await using a = node("a", 1);
    await using b = node("b", 2);
    const created = await running(a, { accepts: { commands: [{ name: "level" }] } });
    const { command_id } = await command(a, created, { command: "level" });
    await report(a, created, "command", { command_id, command: "level", phase: "done" });
    const keyed = { command: "level", key: "k" };
    const both = await Promise.all([command(a, created, keyed), command(b, created, keyed)]);
    expect(both[1]).toEqual(both[0]);
    expect(both[0]).toMatchObject({ phase: "requested" });
    expect(both[0]?.command_id).not.toBe(command_id);
  });

  test("[P-CMD-8] a command that is sent again after many others is requested again, although the state no longer has the first", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    const set = (value: number) => command(t, created, { command: "level", args: { value } });
    for (let value = 0; value <= operationBounds.commands; value++) {
      const { command_id } = await set(value);
      await report(t, created, "command", { command_id, command: "level", phase: "done" });
    }
    const again = await set(0);
    const { id } = created.operation;
    expect(await t.core.operations.pendingCommands(t.service, { operation: id }, 0)).toMatchObject([
      { command_id: again.command_id, args: { value: 0 } },
    ]);
  });

  test("[P-CMD-8] a command of the operation's own is repeated by equal arguments without a key, and is another one with another key", async () => {
    await using t = testCore({ jsonSchema });
    const created = await running(t);
    const set = (value: number, key?: string) =>
      command(t, created, {
        command: "level",
        args: { value },
        ...(key === undefined ? {} : { key }),
      });
    const first = await set(1);
    expect(await set(1)).toEqual(first);
    const ids = [first, await set(2), await set(1, "a"), await set(1, "b")].map(
      ({ command_id }) => command_id,
    );
    expect(new Set(ids).size).toBe(4);
    const { command_id } = first;
    await report(t, created, "command", { command_id, command: "level", phase: "done" });
    for (const id of ids.slice(2)) {
      await report(t, created, "command", { command_id: id, command: "level", phase: "done" });
    }
    expect(ids).not.toContain((await set(1)).command_id);
  });
});

describe("commands to all operations of a filter", () => {
  async function three(t: TestCore) {
    const all: CreatedOperation[] = [];
    for (const [id, user_id, kind] of [
      ["o1", "ada", "index"],
      ["o2", "ada", "index"],
      ["o3", "ada", "export"],
      ["o4", "eve", "index"],
    ] as const) {
      all.push(await running(t, { operation_id: id, user_id, kind, tags: [`of-${user_id}`] }));
    }
    return all;
  }

  const ids = (answer: { results: readonly { operation_id: string }[] }) =>
    answer.results.map(({ operation_id }) => operation_id);

  test("[P-CMD-9] a person stops all of its own, all of a kind, or those it names, each with its own answer", async () => {
    await using t = testCore({ jsonSchema });
    await three(t);
    const all = (filter: object, name = "cancel") =>
      t.core.operations.commandAll(t.user("ada"), { command: name, filter });
    expect(ids(await all({ mine: true }, "pause"))).toEqual(["o3", "o2", "o1"]);
    expect(ids(await all({ kind: "index" }))).toEqual(["o2", "o1"]);
    expect(ids(await all({ tag: "of-eve" }))).toEqual([]);
    expect(ids(await all({ user: "eve" }))).toEqual([]);
    const named = await all({ operation_ids: ["o4", "o3", "none"] });
    expect(named.results).toMatchObject([
      { operation_id: "o4", error: { code: "not_found" } },
      { operation_id: "o3", phase: "requested" },
      { operation_id: "none", error: { code: "not_found" } },
    ]);
    for (const filter of [{}, { operation_ids: ["o1"], kind: "index" }, { mine: false }]) {
      await expect(all(filter)).rejects.toMatchObject({ code: "bad_message" });
    }
  });

  test("[P-CMD-9] a service stops all of a kind a page at a time, and sending it again repeats no command", async () => {
    await using t = testCore({ jsonSchema });
    const created = await three(t);
    const request = { command: "cancel", filter: { kind: "index" }, limit: 2 };
    const first = await t.core.operations.commandAll(t.service, request);
    expect(ids(first)).toEqual(["o4", "o2"]);
    const { next } = first;
    const second = await t.core.operations.commandAll(t.service, {
      ...request,
      ...(next === undefined ? {} : { after: next }),
    });
    expect(ids(second)).toEqual(["o1"]);
    expect(second.next).toBeUndefined();
    expect(await t.core.operations.commandAll(t.service, request)).toEqual(first);
    for (const one of created) expect(await requested(t, one)).toBeLessThanOrEqual(1);
    await expect(
      t.core.operations.commandAll(t.service, { ...request, after: "x" }),
    ).rejects.toMatchObject({ code: "bad_message" });
    await expect(
      t.core.operations.commandAll(t.service, { ...request, filter: { mine: true } }),
    ).rejects.toMatchObject({ code: "bad_message" });
  });

  test("[P-CMD-9] an operation of the filter that refuses the command does not keep it from the others", async () => {
    await using t = testCore({ jsonSchema });
    await three(t);
    await running(t, { operation_id: "o5", accepts: { commands: [{ name: "other" }] } });
    const answer = await t.core.operations.commandAll(t.user("ada"), {
      command: "level",
      args: { value: 1 },
      filter: { kind: "index" },
    });
    expect(answer.results).toMatchObject([
      { operation_id: "o5", error: { code: "bad_message" } },
      { operation_id: "o2", phase: "requested" },
      { operation_id: "o1", phase: "requested" },
    ]);
  });
});
