// Load of every kind that the dashboards show: people who read, publish and leave, operations with commands and
// questions, queues, and work that fails.

import { createRequire } from "node:module";
import { createTokens } from "../../packages/server/dist/index.js";
import { call, tokenSecret } from "./rig.mjs";

// The package of the server has the library; the repository itself needs none.
const { WebSocket } = createRequire(new URL("../../packages/server/package.json", import.meta.url))(
  "ws",
);
const tokens = createTokens(tokenSecret, Date);
const channels = { subscribe: ["chat:*"], publish: ["chat:*"] };

/**
 * Opens a socket of a user that reads channels.
 *
 * @param {string} url
 * @param {string} user
 * @param {readonly object[]} messages messages to send first
 */
export async function openSocket(url, user, messages = []) {
  const token = await tokens.mint({ user, session: `s-${user}`, channels });
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["milepost.v1.json"], {
    headers: { authorization: `Bearer ${token}` },
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("open", resolve));
  for (const message of messages) socket.send(JSON.stringify(message));
  return socket;
}

/**
 * Puts load on the gateways until it is stopped.
 *
 * @param {readonly string[]} urls
 */
export function putLoad(urls) {
  let isOn = true;
  let round = 0;
  const turn = async () => {
    const url = urls[round % urls.length] ?? "";
    const id = `load-${round++}`;
    const reader = await openSocket(url, `user-${round % 7}`, [
      { type: "subscribe", id: 1, channel: "chat:1" },
      { type: "publish", id: 2, channel: "chat:1", event: "message", data: "x".repeat(100) },
    ]);
    for (let n = 0; n < 5; n++) {
      await call(url, "POST", "/v1/publish", { channel: "chat:1", event: "message", data: n });
    }
    await call(url, "POST", "/v1/publish", { channel: "chat:*:wrong", event: "message", data: 0 });
    await operate(url, id);
    await queue(url, id);
    reader.close();
  };
  const running = (async () => {
    while (isOn) {
      try {
        await turn();
      } catch (error) {
        if (process.env.MILEPOST_VERBOSE !== undefined) console.error(error);
      }
    }
  })();
  return {
    stop() {
      isOn = false;
      return running;
    },
  };
}

/**
 * One operation with a command that its producer answers.
 *
 * @param {string} url
 * @param {string} id
 */
async function operate(url, id) {
  const { body } = await call(url, "POST", "/v1/operations", {
    kind: "load",
    operation_id: id,
    user_id: "user-1",
  });
  const report = (/** @type {object[]} */ ...events) =>
    call(url, "POST", `/v1/operations/${id}/events`, { lease: body.lease.token, events });
  await report({ event: "started", data: {} });
  const asked = await call(url, "POST", `/v1/operations/${id}/commands`, { command: "cancel" });
  const command_id = asked.body.command_id;
  await report({
    event: "command",
    data: { command_id, command: "cancel", phase: "acknowledged" },
  });
  await report({ event: "command", data: { command_id, command: "cancel", phase: "done" } });
  await report({ event: "done", data: {} });
}

/**
 * One ticket of a queue that is claimed and finished.
 *
 * @param {string} url
 * @param {string} id
 */
async function queue(url, id) {
  await call(url, "PUT", "/v1/queues/load", { capacity: 4 });
  await call(url, "POST", "/v1/queues/load/tickets", { user: id });
  const claimed = await call(url, "POST", "/v1/queues/load/claim", { worker: "w1" });
  if (claimed.status !== 200) return;
  const { id: ticket, lease } = claimed.body;
  await call(url, "POST", `/v1/queues/load/tickets/${ticket}/finish`, { fence: lease.fence });
}
