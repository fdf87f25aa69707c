import { faultsIn } from "../faults-in.mjs";

const reach = "packages/core/src/reach";
const server = "packages/server/src/reach";
const memory = "packages/engine/src/memory";

/** Faults in telling people who are away. */
export const reachMutants = [
  ...faultsIn(`${reach}/errand-runner.ts`, [
    [
      'const told = targets.filter(({ when }) => when === "always" || !isHere);',
      "const told = targets;",
      "a user whose page is open is told",
    ],
    [
      'if (when === "away" && (await isVisible(thing.user))) {',
      "if (false) {",
      "a user who came back between two attempts is told",
    ],
    [
      "if (leftMs <= 0) late.push(target);",
      "if (leftMs <= 1e15) late.push(target);",
      "every operation that runs counts as slow",
    ],
    [
      'const ranMs = state.status === "waiting" ? 0 : ',
      "const ranMs = ",
      "time in a queue counts as slow",
    ],
    [
      "await this.#context.engine.deliveries.add(endId(state), errand, 0, deliveryBounds);\n",
      "\n",
      "an end that nobody noted is never told",
    ],
    [
      'if (outcome.kind === "gone") await this.#context.engine.targets.remove(to.owner, to.id);',
      "",
      "a push subscription that is gone stays",
    ],
    [
      "await this.#giveUp(id, thing, to, attempt, outcome.reason);\n",
      "\n",
      "a thing that reached nobody leaves no dead letter",
    ],
    [
      'if (outcome.kind === "later" && !this.#isTooOld(thing)) {',
      'if (outcome.kind === "later") {',
      "a thing is tried for ever",
    ],
    [
      "if (!concerns(webhook, thing.user)) continue;",
      "",
      "a webhook is told of users that it does not name",
    ],
    [
      "if (webhook === undefined || !wants(webhook.rules, thing)) continue;",
      "if (webhook === undefined) continue;",
      "the rules of a webhook do not count",
    ],
    [
      "if (rules === undefined || !wants(rules, thing)) continue;",
      "if (rules === undefined) continue;",
      "the rules of a push subscription do not count",
    ],
    [
      "firstRetryMs * 2 ** Math.min(attempt - 1, 20)",
      "firstRetryMs",
      "a target that fails is tried every 5 s",
    ],
  ]),
  ...faultsIn(`${reach}/reach.ts`, [
    [
      "if (!this.#context.isOn || after.user_id === undefined) return;",
      "if (after.user_id === undefined) return;",
      "deliveries are stored where nobody can be reached",
    ],
    [
      'const errand = { do: "watch", operation, attempt } as const;\n      await',
      'const errand = { do: "watch", operation, attempt } as const;\n      if (false) await',
      "operations that run are not looked at",
    ],
  ]),
  ...faultsIn(`${reach}/reach-service.ts`, [
    [
      "if (principal.user !== undefined && principal.user === user) return;",
      "return;",
      "a user may see the push subscriptions of others",
    ],
    ['requireService(principal, "push");', "", "any API key may add push subscriptions"],
    ["(seesAll || record.by === name)", "true", "a key sees the webhooks of other keys"],
    [
      "!(isWebhook && ownIds.has(to.id))",
      "false",
      "a key sees the messages to other keys' webhooks",
    ],
    ["if (mayRetry && ", "if (", "a key retries the messages to other keys' webhooks"],
  ]),
  ...faultsIn(`${reach}/delivery-loop.ts`, [
    [
      "await deliveries.settle(delivery, { dueInMs }, deliveryBounds).catch(onError);",
      "",
      "an errand that failed waits for the end of its lease",
      "the lease ends after 60 s and the errand is taken again; only the time in between differs",
    ],
  ]),
  ...faultsIn(`${server}/egress.ts`, [
    [
      "if (!isAllowedHost && !this.#isOpen(address)) throw new RefusedTarget(notPublic);",
      "",
      "a host that leads inside is called",
    ],
    [
      'url === undefined || url.protocol !== "https:"',
      "url === undefined",
      "targets without TLS are called",
    ],
    [
      "if (literal === undefined || this.#isOpen(literal)) return undefined;",
      "return undefined;",
      "an address inside is accepted as a target",
    ],
    [
      'return family === "ipv4" || this.#public.check(text, family);',
      "return true;",
      "local IPv6 addresses are called",
    ],
    [
      "if (this.#closed.check(text, family)) return false;",
      "",
      "private IPv4 addresses are called",
    ],
  ]),
  ...faultsIn(`${server}/target-sender.ts`, [
    [
      "if (status >= 300 && status < 400) {",
      "if (false) {",
      "a redirect is refused without saying so",
    ],
    [
      "if (answer.status >= 500) origin.breaker.failed(permit);\n      else",
      "",
      "a target that fails is called on",
    ],
    [".update(`webhook:${webhookId}`)", '.update("webhook:")', "all webhooks have one secret"],
  ]),
  ...faultsIn(`${memory}/memory-deliveries.ts`, [
    [
      "if (this.#waiting.has(id) || this.#finished.has(id)) return false;",
      "if (this.#waiting.has(id)) return false;",
      "a thing is told again after it was told",
    ],
    [
      "if (waiting === undefined || String(waiting.claim) !== claim) return false;",
      "if (waiting === undefined) return false;",
      "an attempt that lost its lease settles the delivery",
    ],
    ["waiting.dueAt = now + leaseMs;", "", "two nodes attempt one delivery"],
    ["due.sort(([, a], [, b]) => a.dueAt - b.dueAt);", "", "the longest overdue must wait"],
  ]),
];
