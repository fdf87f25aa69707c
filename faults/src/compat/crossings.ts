import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { createTokens } from "@milepost/server";
import { secrets } from "../processes/gateway.ts";
import { Line } from "./line.ts";
import { type Answer, ask, type Version, type VersionNode } from "./version.ts";

/** Two gateways of different versions over one Redis, and the version whose client and producer are used. */
export interface Crossing {
  /** Gateway at which things begin. */
  readonly from: VersionNode;
  /** Gateway at which they go on. */
  readonly to: VersionNode;
  readonly sdk: Version;
  /** Text that makes names of this crossing unlike those of any other. */
  readonly id: string;
}

/** Settings of the gateways. */
export const crossingRules = {
  rules: [
    {
      pattern: "latest:{log}",
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 100_000, maxAgeMs: 3_600_000 },
      projection: { name: "latest" },
      presence: "members",
    },
    {
      pattern: "log:{log}",
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 100_000, maxAgeMs: 3_600_000 },
      durable: { ackWaitMs: 30_000, maxAttempts: 5, maxAgeMs: 3_600_000 },
    },
  ],
} as const;

const tokens = createTokens(secrets.tokenSecret, Date);
const patterns = ["log:*", "latest:*"];

function tokenOf(user: string, session?: string): Promise<string> {
  const channels = { subscribe: patterns, publish: patterns };
  return tokens.mint({ user, channels, ...(session === undefined ? {} : { session }) });
}

/** Checks of what must hold between gateways of two versions, by name. Each throws when it does not. */
export const crossings: Readonly<Record<string, (crossing: Crossing) => Promise<void>>> = {
  async "a reader goes on at the other version, recovered and without a gap"({ from, to, id }) {
    for (const channel of [`log:${id}`, `latest:${id}`]) {
      const token = await tokenOf(`ana-${id}`);
      await publish(from, channel, [1, 2, 3]);
      let position: unknown;
      {
        await using line = await Line.to(from.url, token);
        await line.ask({ type: "subscribe", channel, since: "start" });
        await line.until(() => line.events(channel).length === 3);
        position = line.events(channel).at(-1)?.position;
      }
      await publish(from, channel, [4]);
      await publish(to, channel, [5]);
      await using line = await Line.to(to.url, token);
      const answer = await line.ask({ type: "subscribe", channel, since: position });
      strictEqual(answer.recovered, true);
      await publish(from, channel, [6]);
      await line.until(() => line.events(channel).length >= 3);
      deepStrictEqual(
        line.events(channel).map(({ data }) => data),
        [{ n: 4 }, { n: 5 }, { n: 6 }],
      );
    }
  },

  async "both versions answer the same history, snapshot and positions"({ from, to, id }) {
    const channel = `latest:same-${id}`;
    await publish(from, channel, [1]);
    await publish(to, channel, [2]);
    for (const path of ["history?since=start&limit=100", "snapshot"]) {
      const answers = await both(from, to, `/v1/channels/${channel}/${path}`);
      deepStrictEqual(answers[0], answers[1]);
    }
  },

  async "a publish repeated at the other version is a duplicate"({ from, to, id }) {
    const body = { channel: `log:keys-${id}`, event: "tick", data: { n: 1 }, key: "k1" };
    const first = await must(ask(from.url, "POST", "/v1/publish", body));
    const again = await must(ask(to.url, "POST", "/v1/publish", body));
    const [one] = first.results as { position: string; duplicate: boolean }[];
    const [two] = again.results as { position: string; duplicate: boolean }[];
    deepStrictEqual([one?.duplicate, two], [false, { ...one, duplicate: true }]);
  },

  async "an operation that begins at one version is watched, commanded and ended through the other"({
    from,
    to,
    sdk,
    id,
  }) {
    const operationId = `op-${id}`;
    const { createProducer, httpGateway } = sdk.producer;
    const gateway = httpGateway({ url: from.url, apiKey: secrets.apiKey });
    const producer = createProducer({ gateway, onProblem: () => {} });
    const user = `owner-${id}`;
    const running = producer.start(
      { kind: "compat", operationId, user, steps: [{ id: "one" }, { id: "two" }] },
      async (operation) => {
        await operation.step("one", async (step) => step.progress({ done: 1, total: 2 }));
        await new Promise<void>((_, reject) => {
          operation.signal.addEventListener("abort", () => reject(operation.signal.reason));
        });
      },
    );
    ok(await running.created);
    await using line = await Line.to(to.url, await tokenOf(user));
    const channel = `operation:${operationId}`;
    await line.ask({ type: "subscribe", channel });
    const command = await must(
      ask(to.url, "POST", `/v1/operations/${operationId}/commands`, { command: "cancel" }),
    );
    strictEqual(command.phase, "requested");
    await running.finished;
    ok(await running.delivered);
    await line.until(() => line.events(channel).some(({ event }) => event === "cancelled"));
    await producer.close();
    const [at, there] = await both(from, to, `/v1/operations/${operationId}`);
    deepStrictEqual(at, there);
    const { status, commands } = at.operation as { status: string; commands: { phase: string }[] };
    deepStrictEqual([status, commands[0]?.phase], ["cancelled", "done"]);
  },

  async "a lease that one version gave counts at the other"({ from, to, id }) {
    const path = `/v1/operations/lease-${id}`;
    const create = { kind: "compat", operation_id: `lease-${id}`, user_id: "ana" };
    await must(ask(from.url, "POST", "/v1/operations", create));
    const { token: lease } = await must(ask(to.url, "POST", `${path}/lease`, { lease_ms: 60_000 }));
    const report = { lease, events: [{ event: "started", data: {} }] };
    await must(ask(from.url, "POST", `${path}/events`, report));
    await must(ask(from.url, "POST", `${path}/lease`, { lease_ms: 60_000 }));
    const old = await ask(to.url, "POST", `${path}/events`, report);
    strictEqual(codeOf(old), "stale_lease");
  },

  async "a question asked at one version is answered once, at either"({ from, to, id }) {
    const operationId = `asks-${id}`;
    const [eve, bob] = [`eve-${id}`, `bob-${id}`];
    await must(
      ask(from.url, "POST", "/v1/operations", { kind: "compat", operation_id: operationId }),
    );
    const path = `/v1/operations/${operationId}/questions`;
    const asked = await must(
      ask(from.url, "POST", path, {
        kind: "approve",
        prompt: "Deploy?",
        for: { users: [eve, bob] },
        key: "deploy",
      }),
    );
    const { id: question } = asked.question as { id: string };
    const inbox = await must(ask(to.url, "GET", `/v1/users/${eve}/inbox`));
    ok((inbox.items as { id: string }[]).some((item) => item.id === question));
    const answer = { answer: true };
    const at = `${path}/${question}/answer`;
    await must(ask(to.url, "POST", at, answer, await tokenOf(eve)));
    const repeated = await must(ask(from.url, "POST", at, answer, await tokenOf(eve)));
    strictEqual(repeated.duplicate, true);
    strictEqual(
      codeOf(await ask(from.url, "POST", at, answer, await tokenOf(bob))),
      "already_answered",
    );
    const [one, two] = await both(from, to, `${path}/${question}`);
    deepStrictEqual(one, two);
    const anew = await must(
      ask(to.url, "POST", path, { kind: "approve", prompt: "Deploy?", key: "deploy" }),
    );
    deepStrictEqual([anew.duplicate, (anew.question as { answer: unknown }).answer], [true, true]);
  },

  async "a ticket of a queue is joined, claimed, extended and finished across versions"({
    from,
    to,
    id,
  }) {
    const queue = `/v1/queues/preview:${id}`;
    const settings = { capacity: 2, lanes: { paid: 3, free: 1 } };
    await must(ask(to.url, "PUT", queue, settings));
    const join = (node: VersionNode, n: number) =>
      must(
        ask(node.url, "POST", `${queue}/tickets`, {
          user: `u${n}-${id}`,
          lane: "paid",
          key: `${n}`,
        }),
      );
    const first = await join(from, 1);
    const second = await join(to, 2);
    deepStrictEqual([first.position, second.position], [1, 2]);
    strictEqual((await join(to, 1)).id, first.id);
    const claim = { worker: "w", claim_id: "c1", lease_ms: 60_000, slots: 2 };
    const claimed = await must(ask(to.url, "POST", `${queue}/claim`, claim));
    strictEqual(claimed.id, first.id);
    const repeated = await must(ask(from.url, "POST", `${queue}/claim`, claim));
    strictEqual(repeated.id, first.id);
    const { fence } = claimed.lease as { fence: number };
    const ticket = `${queue}/tickets/${encodeURIComponent(String(first.id))}`;
    await must(ask(from.url, "POST", `${ticket}/extend`, { fence, lease_ms: 60_000 }));
    strictEqual(
      codeOf(await ask(to.url, "POST", `${ticket}/finish`, { fence: fence + 1 })),
      "stale_lease",
    );
    await must(ask(from.url, "POST", `${ticket}/finish`, { fence }));
    const [one, two] = await both(from, to, ticket);
    deepStrictEqual(one, two);
    const waiting = `${queue}/tickets/${encodeURIComponent(String(second.id))}`;
    const [left, right] = await both(from, to, waiting);
    deepStrictEqual(left, right);
    strictEqual(left.position, 1);
    await must(ask(from.url, "DELETE", waiting));
  },

  async "a durable subscriber gets at the other version what it did not acknowledge"({
    from,
    to,
    id,
  }) {
    const channel = `log:durable-${id}`;
    const token = await tokenOf(`worker-${id}`);
    await publish(from, channel, [1, 2, 3, 4]);
    {
      await using line = await Line.to(from.url, token);
      await line.ask({ type: "subscribe", channel, as: "worker", since: "start" });
      await line.until(() => line.events(channel).length === 4);
      const position = line.events(channel)[1]?.position;
      await line.ask({ type: "ack", channel, position });
    }
    await using line = await Line.to(to.url, token);
    await line.ask({ type: "subscribe", channel, as: "worker" });
    await line.until(() => line.events(channel).length >= 2);
    deepStrictEqual(
      line.events(channel).map(({ data }) => data),
      [{ n: 3 }, { n: 4 }],
    );
  },

  async "a person present at one version is seen at the other"({ from, to, id }) {
    const channel = `latest:people-${id}`;
    await using here = await Line.to(from.url, await tokenOf(`ana-${id}`));
    await here.ask({ type: "subscribe", channel, presence: true });
    await using there = await Line.to(to.url, await tokenOf(`bob-${id}`));
    await there.ask({ type: "subscribe", channel, presence: true });
    const [one, two] = await both(from, to, `/v1/channels/${channel}/presence`);
    strictEqual(one.count, 2);
    deepStrictEqual(one, two);
  },

  async "a notification sent through one version reaches its person at the other, live and in the inbox"({
    from,
    to,
    id,
  }) {
    const user = `note-${id}`;
    await using line = await Line.to(to.url, await tokenOf(user));
    await line.ask({ type: "subscribe", channel: `user:${user}` });
    const note = { message: "Hello", id: "n1" };
    await must(ask(from.url, "POST", `/v1/users/${user}/notifications`, note));
    await line.until(() => line.events(`user:${user}`).length === 1);
    const [one, two] = await both(from, to, `/v1/users/${user}/inbox`);
    strictEqual((one.items as unknown[]).length, 1);
    deepStrictEqual(one, two);
  },

  async "a connection is found, and closed for good, from the other version"({ from, to, id }) {
    const user = `gone-${id}`;
    await using line = await Line.to(to.url, await tokenOf(user));
    await line.find(({ type }) => type === "welcome");
    // The nodes tell each other of a connection after they have answered it.
    await eventually(async () => {
      const found = await must(ask(from.url, "GET", `/v1/connections?user=${user}`));
      return (found.connections as unknown[]).length === 1;
    });
    await must(ask(from.url, "POST", `/v1/users/${user}/disconnect`, {}));
    await line.until(() => line.isClosed);
  },

  async "a token revoked at one version is refused at the other"({ from, to, id }) {
    const user = `revoked-${id}`;
    const token = await tokenOf(user);
    await using line = await Line.to(to.url, token);
    await line.find(({ type }) => type === "welcome");
    await must(ask(from.url, "POST", "/v1/revoke", { user }));
    await line.until(() => line.isClosed);
    await using again = await Line.to(to.url, token);
    await again.until(() => again.isClosed);
  },

  async "a ticket made at one version opens a connection at the other"({ from, to, id }) {
    const made = await must(ask(from.url, "POST", "/v1/tickets", { user: `u-${id}` }));
    const { WebSocket } = await import("ws");
    const socket = new WebSocket(`${to.url.replace("http", "ws")}/ws?ticket=${made.ticket}`);
    const text = await new Promise<string>((resolve, reject) => {
      socket.once("message", (data) => resolve(String(data)));
      socket.once("close", (code) => reject(new Error(`closed with ${code}`)));
    });
    socket.close();
    ok(text.includes("welcome"));
  },
};

async function publish(node: VersionNode, channel: string, numbers: readonly number[]) {
  for (const n of numbers) {
    await must(ask(node.url, "POST", "/v1/publish", { channel, event: "tick", data: { n } }));
  }
}

/** Resolves once the condition holds; throws after 10 s. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 100) throw new Error("what was waited for never came");
    await pause(100);
  }
}

/** Resolves with the body of an answer; throws when it is a refusal. */
async function must(answer: Promise<Answer>): Promise<Record<string, unknown>> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`answered with ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Asks both gateways for the same, and leaves out what depends on the moment of asking. */
async function both(from: VersionNode, to: VersionNode, path: string) {
  const answers = [
    await must(ask(from.url, "GET", path)),
    await must(ask(to.url, "GET", path)),
  ] as const;
  const [one, two] = answers.map((answer) => withoutMoments(answer) as Record<string, unknown>);
  return [one ?? {}, two ?? {}] as const;
}

/** Fields whose values are durations until now, or estimates from what each node saw itself. */
const momentary = new Set(["estimated_wait", "age_ms", "version", "ends_in_ms", "ttl_ms"]);

function withoutMoments(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMoments);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !momentary.has(name));
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutMoments(one)]));
}

function codeOf({ body }: Answer): unknown {
  const { code, error } = body as { code?: unknown; error?: { code?: unknown } };
  return code ?? error?.code;
}
