// Shows the operations of one user with nothing but a WebSocket and fetch. The channel of the user has a summary of each
// operation whenever one changes; after a lost connection, the cursor brings back what was missed.

const list = document.getElementById("operations");
const connection = document.getElementById("connection");
const commandsOf = {
  waiting: ["cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  stalled: ["cancel"],
  failed: ["retry"],
  cancelled: ["retry"],
  lost: ["retry"],
};
const rows = new Map();
const most = 12;

let token;
let cursor;
let attempts = 0;

async function connect() {
  try {
    const answer = await fetch("demo-token", { method: "POST" });
    if (!answer.ok) throw new Error(`the demo answered ${answer.status}`);
    ({ token } = await answer.json());
    await listAll();
  } catch {
    return later();
  }
  const resume = cursor ? `&last_event_id=${encodeURIComponent(cursor)}` : "";
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?personal=1${resume}`);
  socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token }));
  socket.onmessage = ({ data }) => {
    for (const message of [JSON.parse(data)].flat()) receive(message);
  };
  socket.onclose = later;
}

function later() {
  connection.textContent = "Reconnecting…";
  // Up to a random share of a bound that doubles, so that not everybody comes back at once.
  setTimeout(connect, Math.random() * Math.min(16_000, 500 * 2 ** attempts++));
}

async function listAll() {
  const answer = await call("GET", "/v1/operations?limit=12");
  for (const operation of answer.operations.reverse()) show(operation);
}

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const read = await answer.json();
  if (!answer.ok) throw new Error(read.detail ?? `the gateway answered ${answer.status}`);
  return read;
}

function receive(message) {
  cursor = message.event_id ?? cursor;
  if (message.type === "welcome") {
    attempts = 0;
    connection.textContent = "Connected";
  } else if (message.type === "operation") show(message.data);
}

/** Shows the summary of an operation: a new row on top, or the one it has. */
function show({ operation_id: id, title, status, percent, step_title: step, updated_at: at }) {
  let row = rows.get(id);
  if (row !== undefined && row.at > at) return;
  if (row === undefined) {
    const item = document.createElement("li");
    item.innerHTML =
      '<div><strong></strong><span></span><span class="buttons"></span></div><progress max="100"></progress>';
    list.prepend(item);
    row = { item };
    rows.set(id, row);
    for (const [old, { item: last }] of [...rows].slice(0, Math.max(0, rows.size - most))) {
      last.remove();
      rows.delete(old);
    }
  }
  row.at = at;
  const [name, state, buttons] = row.item.querySelectorAll("strong, span");
  name.textContent = title;
  state.textContent = [status, status === "running" && step].filter(Boolean).join(": ");
  const bar = row.item.querySelector("progress");
  bar.setAttribute("aria-label", title);
  if (typeof percent === "number") bar.value = percent;
  if (row.status === status) return;
  row.status = status;
  const focused = buttons.contains(document.activeElement);
  buttons.replaceChildren(
    ...(commandsOf[status] ?? []).map((command) => button(id, title, command)),
  );
  if (focused) buttons.querySelector("button")?.focus();
}

function button(id, title, command) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = command;
  made.setAttribute("aria-label", `${command} ${title}`);
  made.onclick = () =>
    call("POST", `/v1/operations/${encodeURIComponent(id)}/commands`, { command }).catch(
      (error) => {
        connection.textContent = error.message;
      },
    );
  return made;
}

connect();
