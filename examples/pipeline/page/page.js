// The page: a plain WebSocket on the person's channel, whose summaries name their parents.

/** @type {Map<string, any>} */
const operations = new Map();
/** @type {Map<string, HTMLElement>} */
const items = new Map();
/** @type {(id: string) => any} */
const byId = (id) => document.getElementById(id);
let lastEventId = "";
/** @type {any} */
let current;

/** @param {string} path @param {object} body @param {string} [token] */
async function post(path, body, token) {
  const headers = {
    "content-type": "application/json",
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  return response.json();
}

async function visit() {
  const kept = JSON.parse(localStorage.getItem("visit") ?? "null");
  if (kept) return kept;
  const begun = await post("/api/visits", {});
  localStorage.setItem("visit", JSON.stringify(begun));
  return begun;
}

/** @param {string} id */
function itemOf(id) {
  const known = items.get(id);
  if (known) return known;
  const item = byId("operation").content.firstElementChild.cloneNode(true);
  item.dataset.operation = id;
  item.querySelector(".cancel").onclick = () => command(id, "cancel");
  item.querySelector(".retry").onclick = () => command(id, "retry");
  items.set(id, item);
  return item;
}

/** @param {any} operation */
function statusText({ status, waiting, attempt }) {
  if (status === "waiting" && waiting?.position > 0)
    return `waiting, ${waiting.position} of ${waiting.total}`;
  return attempt > 1 && status !== "done" ? `${status}, attempt ${attempt}` : status;
}

/** @param {any} operation */
function show(operation) {
  const known = operations.get(operation.operation_id);
  if (known && known.updated_at > operation.updated_at) return;
  operations.set(operation.operation_id, operation);
  const item = itemOf(operation.operation_id);
  const isOver = ["done", "failed", "cancelled", "lost"].includes(operation.status);
  item.dataset.status = operation.status;
  item.querySelector(".title").textContent = operation.title;
  item.querySelector(".status").textContent = statusText(operation);
  item.querySelector("progress").value = operation.percent;
  item.querySelector(".message").textContent = operation.error?.message ?? operation.message ?? "";
  item.querySelector(".cancel").hidden = isOver;
  item.querySelector(".retry").hidden = !["failed", "lost"].includes(operation.status);
  const place = operation.parent
    ? itemOf(operation.parent).querySelector(".children")
    : byId("films");
  if (item.parentElement !== place) {
    if (operation.parent) place.append(item);
    else place.prepend(item);
  }
}

/** @param {string} id @param {string} name */
async function command(id, name) {
  await post(`/v1/operations/${id}/commands`, { command: name }, current.token);
}

/** @param {any} visit */
function follow({ user, token }, failures = 0) {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("channels", `user:${user}`);
  if (lastEventId) url.searchParams.set("last_event_id", lastEventId);
  const socket = new WebSocket(url, [`milepost.token.${token}`]);
  let isOpen = false;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.event_id) lastEventId = message.event_id;
    if (message.type === "operation") show(message.data);
    const state = message.snapshot?.state ?? (message.type === "reset" ? message.data : undefined);
    for (const operation of Object.values(state?.operations ?? {})) show(operation);
    if (message.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
    isOpen = true;
    byId("connection").textContent = "Live";
  };
  socket.onclose = () => {
    byId("connection").textContent = "Connecting again …";
    const wait = Math.random() * Math.min(5_000, 250 * 2 ** (isOpen ? 0 : failures));
    setTimeout(() => follow({ user, token }, isOpen ? 1 : failures + 1), wait);
  };
}

/** @param {SubmitEvent} event */
byId("add").onsubmit = (event) => {
  event.preventDefault();
  void post("/api/films", { title: byId("title").value }, current.token);
};
current = await visit();
follow(current);
