import { faultsIn } from "../faults-in.mjs";

const engine = "packages/engine/src";
const lua = "packages/redis/lua";

/** Faults in the queues that are kept in memory. */
export const queueMutants = [
  ...faultsIn(`${engine}/queue-order.ts`, [
    ["index < laneIndex ?", "index <= lanes.length ?", "positions are wrong where lanes tie"],
    [
      "Math.min(waiting, Math.max(0, earlier))",
      "Math.max(0, earlier)",
      "positions count tickets that nobody has",
    ],
    ["waiting === 0 || ", "", "an empty lane is served"],
    ["Math.round(virtualSecond / weight)", "virtualSecond", "weights do not count"],
  ]),
  ...faultsIn(`${engine}/memory/queue-lanes.ts`, [
    [
      "if (lane.waiting === 0) lane.base = Math.max(lane.base, this.#virtual);",
      "",
      "a lane is served alone for as long as it was empty",
    ],
    [
      "lane.base = Math.max(lane.base, this.#virtual - cost);",
      "",
      "a lane that becomes faster catches up the past",
    ],
    [
      "if (returned !== undefined) return returned;",
      "",
      "a ticket that came back waits behind its lane",
    ],
    [
      "this.#dropDrained();\n  }\n\n  /** Returns the id",
      "}\n\n  /** Returns the id",
      "lanes that have drained never disappear",
    ],
    ["this.#returned.countBefore(ticket.firstFence)", "0", "all tickets that came back are first"],
    [
      "lane.isDraining = true;",
      "lane.isDraining = false;",
      "a lane that is no longer configured stays",
    ],
  ]),
  ...faultsIn(`${engine}/memory/memory-queue.ts`, [
    ["now - this.#touchedAt > queueOutageMs", "false", "outages are not noticed"],
    [
      "this.#leasesKeptUntil = now + queueRecoveryMs;",
      "",
      "an outage costs every worker its ticket",
    ],
    [
      "if (sameId.owner !== owner) ticketExists(id);",
      "",
      "an id shows the ticket of another owner",
    ],
    [
      "this.#lanes.waiting >= maxWaiting",
      "this.#lanes.waiting > maxWaiting",
      "one ticket more waits than may",
    ],
    ["running >= capacity", "running > capacity", "one ticket more runs than may"],
    [
      "Math.max(this.#fence + 1, now)",
      "Math.max(this.#fence, now)",
      "two claims have the same fence",
    ],
    [
      "if (ticket.firstFence === 0) ticket.firstFence",
      "ticket.firstFence",
      "a ticket that is lost twice falls back",
    ],
    [
      "if (claimKey !== undefined) this.#claims.set(claimKey, ticket);",
      "",
      "a repeated claim gets another ticket",
    ],
    [
      'ticket.state === "running" && ticket.fence === fence',
      'ticket.state === "running"',
      "a worker that lost its ticket may finish it",
    ],
    ['["finished"]', '["finished", "failed"]', "a finish after a failure seems to succeed"],
    [
      "if (!isSeen && ticket.goneAt === undefined) continue;",
      "",
      "somebody who was never seen is gone",
    ],
    ["isSeen ? goneAt : Math.min(before, goneAt)", "goneAt", "a second sign prolongs the grace"],
    [
      "const mayLeave = now >= this.#suspendedUntil;",
      "const mayLeave = true;",
      "an outage costs people their place",
    ],
    [
      'ticket?.state !== "waiting" || ticket.firstFence > 0',
      "ticket === undefined",
      "a late estimate counts",
    ],
    [
      "maxClaims > 0 && ticket.claims >= maxClaims",
      "false",
      "a ticket that kills its worker is served for ever",
    ],
    [
      "this.#startLeaving(ticket);\n  }\n\n  #fail",
      "}\n\n  #fail",
      "a ticket that comes back waits for nobody",
    ],
    [
      'state === "left" ? leftTicketMs : endedTicketMs',
      "endedTicketMs",
      "tickets that left pile up",
    ],
    ["this.#owners.delete(ticket.owner);", "", "an owner never gets a second ticket"],
    [
      "if (ticket.key !== undefined) this.#keys.delete(pair(ticket.owner, ticket.key));",
      "",
      "a key returns a ticket that is forgotten",
    ],
  ]),
  ...faultsIn(`${engine}/memory/queue-workers.ts`, [
    ["this.#slots += wanted - worker.slots;", "this.#slots += wanted;", "slots of a worker add up"],
    ["Math.max(worker.liveUntil, until)", "until", "a short heartbeat ends a worker early"],
    [
      "if (liveUntil <= now) this.retire(name);",
      "if (liveUntil <= now) this.#slots += 0;",
      "dead workers keep their slots",
    ],
  ]),
];

/** Faults in the scripts of queues. */
export const queueScriptMutants = [
  ...faultsIn(`${lua}/queue.lua`, [
    ["if now - q.touched > outage_ms then", "if false then", "outages are not noticed"],
    ["at < index and math.floor(left)", "math.floor(left)", "positions are wrong where lanes tie"],
    [
      "before + math.min(lane.waiting, math.max(0, earlier))",
      "before + math.max(0, earlier)",
      "positions count tickets that nobody has",
    ],
    [
      "redis.call('ZADD', returned, whole(t.first), t.ticket)",
      "",
      "a ticket that came back has no place before the others",
    ],
    [
      "if redis.call('GET', own) == t.ticket then redis.call('DEL', own) end",
      "",
      "an owner never gets a second ticket",
    ],
    [
      "if q.max_claims > 0 and t.claims >= q.max_claims then return fail(t, reason) end",
      "",
      "a ticket that kills its worker is served for ever",
    ],
    [
      "redis.call('DEL', base .. ':claim:' .. claim)",
      "",
      "the key of a claim outlives it",
      "a claim also checks the ticket that the key names",
    ],
    ["or (before > 0 and before) or 1", "or 1", "a worker loses its slots with each claim"],
    ["tonumber(known) < ends", "true", "a short heartbeat ends a worker early"],
    [
      "if tonumber(from) <= minute then current = value end",
      "current = value",
      "a schedule is always at its end",
    ],
    [
      "local ms = state == 'left' and left_ms or ended_ms",
      "local ms = ended_ms",
      "tickets that left pile up",
    ],
  ]),
  ...faultsIn(`${lua}/queue-configure.lua`, [
    [
      "math.max(lane.base, q.virtual - cost)",
      "lane.base",
      "a lane that becomes faster catches up the past",
    ],
    [
      "if #draining > tonumber(ARGV[8]) then return 'draining' end",
      "",
      "lanes that drain have no bound",
    ],
  ]),
  ...faultsIn(`${lua}/queue-join.lua`, [
    [
      "if same and same.owner ~= ARGV[4] then return { 'exists' } end",
      "",
      "an id of another owner is taken over",
    ],
    [
      "if q.waiting >= q.max_waiting then",
      "if q.waiting > q.max_waiting then",
      "one ticket more waits than may",
    ],
    [
      "if lane.waiting == 0 and lane.base < q.virtual then",
      "if false then",
      "a lane is served alone for as long as it was empty",
    ],
  ]),
  ...faultsIn(`${lua}/queue-claim.lua`, [
    ["if running >= most then", "if running > most then", "one ticket more runs than may"],
    [
      "tonumber(redis.call('HGET', meta, 'fence') or '0') + 1",
      "0",
      "two claims have the same fence",
    ],
    ["if now <= tonumber(told[2]) then count", "if told[2] then count", "every estimate was right"],
    ["q.virtual = math.max(q.virtual, lane.base)", "", "the queue's time stands still"],
  ]),
  ...faultsIn(`${lua}/queue-hold.lua`, [
    [
      "t.state ~= 'running' or t.fence ~= fence",
      "t.state ~= 'running'",
      "a worker that lost its ticket may finish it",
    ],
    [
      "result = done and t.fence == fence and",
      "result = done and",
      "an old fence seems to succeed after the end",
    ],
  ]),
  ...faultsIn(`${lua}/queue-mark.lua`, [
    ["if is_seen or t.gone then", "if true then", "somebody who was never seen is gone"],
    ["is_seen and at or math.min(at, tonumber(t.gone))", "at", "a second sign prolongs the grace"],
  ]),
  ...faultsIn(`${lua}/queue-sweep.lua`, [
    ["if now >= q.kept then", "if true then", "an outage costs every worker its ticket"],
    ["if now >= q.suspended then", "if true then", "an outage costs people their place"],
  ]),
];
