import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Core, createCore } from "@milepost/core";
import { memoryEngine } from "@milepost/engine";
import { expect, it } from "vitest";
import { ClientAddresses } from "../admission/client-addresses.ts";
import { ClientSockets } from "../admission/client-sockets.ts";
import { createAuthenticator } from "../auth/authenticator.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { systemRandom } from "../runtime/system-random.ts";
import { deferred } from "../testing/deferred.ts";
import { apiKey, tokenSecret } from "../testing/test-gateway.ts";
import { DoorSet } from "../transports/door-set.ts";
import { createHttpApp } from "./app.ts";
import { createHttpListener } from "./listener.ts";
import { originPolicy } from "./origin-policy.ts";
import { StraightPath } from "./straight-path.ts";
import { UnreadAnswers } from "./unread-answers.ts";

it("a wait for commands ends when its client disconnects", async () => {
  const log = { info() {}, warn() {}, error() {} };
  const auth = createAuthenticator(
    { tokenSecret, apiKeys: [{ name: "test", key: apiKey }] },
    systemClock,
  );
  const core = createCore({
    engine: memoryEngine(),
    clock: systemClock,
    random: systemRandom,
    node: "test",
    verifyToken: auth.verifyToken,
    log,
  });
  const wait = deferred<AbortSignal>();
  const ended = deferred();
  // This wraps the real core and observes it, because only the core knows when a wait begins and ends.
  const overheard: Core = {
    ...core,
    operations: {
      ...core.operations,
      async pendingCommands(principal, source, waitMs, signal) {
        if (signal !== undefined) wait.resolve(signal);
        try {
          return await core.operations.pendingCommands(principal, source, waitMs, signal);
        } finally {
          ended.resolve();
        }
      },
    },
  };
  const unread = new UnreadAnswers({
    clock: systemClock,
    limits: core.limits,
    metrics: core.admissionMetrics,
  });
  const parts = {
    metrics: undefined,
    unread,
    role: "all",
    core: overheard,
    auth,
    origins: originPolicy(),
    log,
    backends: { counts: { closed: 0, open: 0, half_open: 0 } },
    now: () => systemClock.now(),
    closing: new AbortController().signal,
    doors: new DoorSet([], true),
    sockets: new ClientSockets({
      addresses: new ClientAddresses({ trustedProxies: [] }, log),
      limits: core.limits,
      metrics: core.admissionMetrics,
      refusals: core.refusals,
      clock: systemClock,
    }),
    guests: undefined,
    tokenInQuery: true,
  } as const;
  const listener = createHttpListener(createHttpApp(parts), [new StraightPath(parts)], unread);
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const leaving = new AbortController();
  const call = fetch(`http://127.0.0.1:${port}/v1/commands?producer=p&wait=60`, {
    headers: { Authorization: `Bearer ${apiKey}` },
    signal: leaving.signal,
  }).catch((error: Error) => error.name);

  const signal = await wait.promise;
  expect(signal.aborted).toBe(false);
  leaving.abort();
  expect(await call).toBe("AbortError");
  await ended.promise;
  expect(signal.aborted).toBe(true);

  server.close();
  await core.shutdown(0);
});
