import { LiteralClient } from "./literal-client.js";

const shownOperations = 3;
const shownLines = 6;

/** @type {<T extends Element>(selector: string, within?: ParentNode) => T} */
const find = (selector, within = document) => {
  const found = within.querySelector(selector);
  if (found === null) throw new Error(`the page has no ${selector}`);
  return /** @type {any} */ (found);
};

/** The visit: who this page is, and the token for it. It lasts as long as the tab. */
async function visit() {
  const kept = JSON.parse(sessionStorage.getItem("visit") ?? "null");
  if (kept !== null && kept.expires_at > Date.now() + 60_000) return kept;
  const answer = await post("/api/visits");
  sessionStorage.setItem("visit", JSON.stringify(answer));
  return answer;
}

/** @param {string} path @param {string} [token] */
async function post(path, token) {
  const headers = {
    "content-type": "application/json",
    ...(token && { authorization: `Bearer ${token}` }),
  };
  const answer = await fetch(path, { method: "POST", headers, body: "{}" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

/** Operations of each collection by id. @type {Map<string, Map<string, any>>} */
const known = new Map();

/** @param {string} collection @param {any} summary */
function learn(collection, summary) {
  const operations = known.get(collection);
  const before = operations?.get(summary.operation_id);
  if (operations === undefined || (before && before.updated_at > summary.updated_at)) return;
  operations.set(summary.operation_id, summary);
  show(collection);
}

/** @param {string} collection */
function show(collection) {
  const list = find(`[data-collection="${collection}"] .operations`);
  const newest = [...(known.get(collection)?.values() ?? [])]
    .sort((a, b) => b.created_at - a.created_at)
    .slice(0, shownOperations);
  for (const [at, operation] of newest.entries()) {
    const id = operation.operation_id;
    let item = list.querySelector(`[data-operation="${id}"]`);
    if (item === null) {
      const template = /** @type {HTMLTemplateElement} */ (find("#operation"));
      item = find("li", /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
      item.setAttribute("data-operation", id);
    }
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
    item.setAttribute("data-status", operation.status);
    find(".title", item).textContent = operation.title;
    const percent = Math.floor(operation.percent);
    find(".status", item).textContent = `${operation.status}, ${percent} %`;
    const bar = /** @type {HTMLProgressElement} */ (find("progress", item));
    bar.value = operation.percent;
    bar.setAttribute("aria-label", `${operation.title}: ${percent} %`);
    find(".message", item).textContent = operation.message ?? "";
  }
  while (list.children.length > newest.length) list.lastElementChild?.remove();
}

/** @param {string} text */
function say(text) {
  const list = find("#system");
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString()} ${text}`;
  list.prepend(line);
  while (list.children.length > shownLines) list.lastElementChild?.remove();
}

/** Reads the collections with their latest operations from the backend. */
async function load() {
  const { collections } = await (await fetch("/api/collections")).json();
  for (const { id, title, operations } of collections) {
    if (!known.has(id)) add(id, title);
    for (const summary of operations) learn(id, summary);
  }
}

/** @param {string} id @param {string} title */
function add(id, title) {
  known.set(id, new Map());
  const template = /** @type {HTMLTemplateElement} */ (find("#collection"));
  const section = find(
    "section",
    /** @type {DocumentFragment} */ (template.content.cloneNode(true)),
  );
  section.setAttribute("data-collection", id);
  section.setAttribute("aria-label", title);
  find("h2", section).textContent = title;
  const button = find("button", section);
  button.setAttribute("aria-label", `Index ${title}`);
  button.addEventListener("click", () => order(id));
  find("#collections").append(section);
}

/** @param {string} collection */
async function order(collection) {
  const { user, token } = await visit();
  const { operation_id } = await post(`/api/collections/${collection}/index`, token);
  find("#mine").textContent = "Your order waits for a worker.";
  client.subscribe(`user:${user}:operation:${operation_id}`);
}

const states = {
  connecting: "Connecting …",
  websocket: "Live, by WebSocket",
  sse: "Live, by server-sent events",
  waiting: "Connection lost; trying again …",
};

await load();
const client = new LiteralClient({
  url: location.origin,
  token: async () => (await visit()).token,
  channels: [...[...known.keys()].map((id) => `collection:${id}:*`), "system:*"],
  sse: new URLSearchParams(location.search).has("sse"),
  onState: (state) => {
    const shown = find("#state");
    shown.setAttribute("data-state", state);
    shown.textContent = states[state];
  },
  onMessage: ({ type, channel = "", source, data }) => {
    const collection = /^collection:([^:]+)/.exec(channel)?.[1];
    // What happened before the first subscription, or in a gap, is in the state of the collections.
    if (type === "subscribed" || type === "gap" || type === "reset") void load();
    else if (type === "operation" && collection !== undefined) learn(collection, data);
    else if (type === "indexed") say(`${source}: ${data.documents} documents, ${data.words} words`);
    else if (type === "node")
      say(`${data.node} ${data.is_up ? "is up" : "is gone"}; ${data.nodes} up`);
    else if (channel.startsWith("user:")) {
      const what = data?.message ?? data?.status ?? "";
      find("#mine").textContent = `${type} ${data?.id ?? ""} ${what}`;
    }
  },
});

find("#cut").addEventListener("click", () => client.cut());
find("#kill").addEventListener("click", async () => {
  const { token } = await visit();
  await post("/api/nodes/kill", token).catch((error) => say(error.message));
});
