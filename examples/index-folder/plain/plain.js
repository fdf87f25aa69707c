// Follows the newest run of this visit with nothing but a WebSocket and fetch.
//
// The channel `session:{id}` tells which runs there are and how far each one is; `operation:{id}` tells what
// happens in one. Every message carries an `event_id`. After a cut, the last one brings back exactly what
// was missed; after a reload, the snapshot of a new subscription brings the whole picture.

const byId = (id) => document.getElementById(id);

let socket;
let session; // This visit's id.
let token; // Its credential: ten minutes long, renewed with every connection.
let renewed = 0; // When the token was renewed last.
let renewing;
let cursor; // The last `event_id`.
let attempts = 0; // Failed connections in a row.
let run; // The newest run, as its summary says it.
let shown; // The id of the run whose steps and log are shown.

// ── The connection ──────────────────────────────────────────────────────────────────────────────────

async function connect() {
  try {
    await visit();
  } catch {
    return later();
  }
  const resume = cursor
    ? `last_event_id=${encodeURIComponent(cursor)}`
    : `channels=session:${session}`;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?${resume}`);
  socket.onopen = () => send({ type: "auth", token });
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code, reason }) => {
    // 4400–4499 say that coming back is of no use.
    if (code >= 4400 && code < 4500) say("connection", `Disconnected: ${reason || code}`);
    else later();
  };
}

function later() {
  // Up to a random share of a bound that doubles, so that not everybody comes back at once.
  const wait = Math.random() * Math.min(16_000, 500 * 2 ** attempts++);
  say("connection", "Reconnecting…");
  setTimeout(connect, wait);
}

async function visit() {
  const answer = await post("/demo/visit", {});
  // Another visit has other channels; what was missed there is nobody's business here.
  if (answer.session_id !== session) cursor = undefined;
  if (shown && answer.session_id !== session) forget();
  ({ session_id: session, token } = answer);
}

/** Not in a hurry: to a service, a token may be about to end from its first moment on. */
function renew() {
  clearTimeout(renewing);
  const again = async () => {
    renewed = Date.now();
    await visit();
    send({ type: "auth", token });
  };
  // Should it fail, the service closes the connection when the token ends, and the next one has another.
  renewing = setTimeout(() => again().catch(() => {}), renewed + 10_000 - Date.now());
}

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// ── The messages ────────────────────────────────────────────────────────────────────────────────────

function receive(message) {
  cursor = message.event_id ?? cursor;
  switch (message.type) {
    case "welcome":
      attempts = 0;
      return say("connection", "Connected");
    case "subscribed": // A channel of the connect.
      return begin(message);
    case "reply": // The answer to a subscribe.
      // Of a run that is forgotten there is nothing to say any more.
      if (message.error) return shown && say("problem", message.error.message);
      return message.result?.channel && begin(message.result);
    case "reset": // Something could not be brought back: here is the whole picture.
      return begin(message);
    case "notice":
      return message.code === "token_expiring" && renew();
    case "operation": // Of the session: how far one of its runs is.
      return summary(message.data);
    default:
      if (message.channel === `operation:${shown}`) event(message);
  }
}

function begin({ channel, snapshot }) {
  if (!snapshot) return;
  if (channel === `session:${session}`) {
    const runs = Object.values(snapshot.state?.operations ?? {});
    // A service that was restarted has forgotten what is shown.
    if (run && !runs.some(({ operation_id }) => operation_id === run.operation_id)) forget();
    runs.forEach(summary);
  } else if (channel === `operation:${shown}`) picture(snapshot.state);
}

function summary(next) {
  if (run && next.created_at < run.created_at) return;
  run = next;
  if (shown !== run.operation_id) {
    if (shown) send({ type: "unsubscribe", id: `-${shown}`, channel: `operation:${shown}` });
    shown = run.operation_id;
    picture({ steps: [], log: [] });
    send({ type: "subscribe", id: shown, channel: `operation:${shown}` });
  }
  const { title, status, attempt, percent, message, error, waiting } = run;
  const place = waiting && `place ${number(waiting.position)} of ${number(waiting.total)}`;
  const why = error?.message ?? place;
  say("title", attempt > 1 ? `${title}, attempt ${attempt}` : title);
  say("status", why ? `${status}: ${why}` : status);
  say("message", status === "running" ? (message ?? "") : "");
  say("percent", `${Math.floor(percent)} %`);
  byId("progress").value = percent;
  byId("cancel").disabled = ["done", "failed", "cancelled", "lost"].includes(status);
}

function forget() {
  run = shown = undefined;
  picture({ steps: [], log: [] });
  say("title", "No run any more");
  say("status", "The service has forgotten it; start another one.");
  say("message", "");
  say("percent", "0 %");
  say("problem", "");
  byId("progress").value = 0;
  byId("cancel").disabled = true;
}

function event({ type, data, timestamp }) {
  if (type === "step") step(data);
  else if (type === "steps")
    for (const planned of data.steps) step({ ...planned, status: "pending" });
  else if (type === "started")
    for (const { id } of byId("steps").children) step({ id: id.slice(5), status: "pending" });
  else if (type === "log") line({ ...data, at: Date.parse(timestamp) });
  else if (type === "gap")
    line({ at: Date.now(), level: "warning", message: "Some lines are missing here." });
}

// ── The picture ─────────────────────────────────────────────────────────────────────────────────────

function picture({ steps, log }) {
  byId("steps").replaceChildren();
  byId("log").replaceChildren();
  steps.forEach(step);
  log.forEach(line);
}

function step({ id, title, status = "running", done, total, unit = "", percent, counter }) {
  let item = byId(`step-${id}`);
  if (!item) {
    item = element("li", "", { id: `step-${id}` });
    item.append(element("span", title ?? id), element("span", ""));
    byId("steps").append(item);
  }
  const count = counter ?? { done, total, unit };
  const known = count.total
    ? `${number(count.done)} of ${number(count.total)} ${count.unit ?? ""}`
    : "";
  item.className = status;
  item.lastChild.textContent =
    status === "running" ? known || `${Math.floor(percent ?? 0)} %` : status;
}

function number(value) {
  return value.toLocaleString("en");
}

function line({ at, level = "info", message }) {
  const log = byId("log");
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  const item = element("li", "", { className: level });
  item.append(
    element("span", `${new Date(at).toLocaleTimeString()} `, { className: "when" }),
    message,
  );
  log.append(item);
  if (log.children.length > 500) log.firstChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

function element(name, text, fields = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, fields);
}

function say(id, text) {
  byId(id).textContent = text;
}

// ── The buttons ─────────────────────────────────────────────────────────────────────────────────────

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}

/** Posts for a button: what goes wrong is said on the page. */
async function press(path, body) {
  say("problem", "");
  await post(path, body).catch((error) => say("problem", error.message));
}

byId("start").onclick = () => press("/demo/jobs", {});
byId("cancel").onclick = () => press(`/v1/operations/${shown}/commands`, { command: "cancel" });
connect();
