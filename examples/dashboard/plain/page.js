import { LiteralClient } from "/literal-client.js";

const user = new URLSearchParams(location.search).get("user") ?? "ada";
const byId = (id) => document.getElementById(id);
const tasks = new Map();
const agents = new Map();
const calendar = new Map();
const news = [];
let messages = 0;
let opens = 0;

const handlers = {
  TaskStatusUpdate: ({ data }) => tasks.set(data.task_id, { ...tasks.get(data.task_id), ...data }),
  AgentActivityUpdate: ({ data }) => agents.set(data.agent_id, data),
  CalendarEventCreated: ({ data }) => calendar.set(data.id ?? data.calendar_event_id, data),
  notification: ({ data }) => {
    news.unshift(data);
    news.length = Math.min(news.length, 5);
  },
};

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  return made;
}

function row(left, right, rightClass = "quiet") {
  const line = element("div", undefined, "row");
  line.append(element("span", left), element("span", right, rightClass));
  return line;
}

function list(id, items, empty) {
  const rows = items.map((parts) => {
    const item = element("li");
    item.append(...parts);
    return item;
  });
  byId(id).replaceChildren(...(rows.length > 0 ? rows : [element("li", empty, "empty")]));
}

function show() {
  list(
    "tasks",
    [...tasks.values()].map(({ title, task_id, status, progress = 0 }) => {
      const bar = element("progress");
      bar.max = 100;
      bar.value = progress;
      bar.ariaLabel = `${title ?? task_id}: ${progress} %`;
      return [row(title ?? task_id, status, status === "completed" ? "done" : "quiet"), bar];
    }),
    "No tasks yet",
  );
  list(
    "agents",
    [...agents.values()].map((agent) => [row(agent.name ?? agent.agent_id, agent.activity)]),
    "No agents yet",
  );
  const when = ({ start_time, starts_at }) => new Date(start_time ?? starts_at).toLocaleString();
  list(
    "calendar",
    [...calendar.values()].map((event) => [row(event.title, when(event))]),
    "Nothing planned",
  );
  list(
    "news",
    news.map((item) => [row(item.message, item.type ?? item.level ?? "info")]),
    "No notifications",
  );
  byId("count").textContent = String(messages);
}

let scheduled = false;
function showSoon() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    show();
  });
}

async function post(path, body) {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, init);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}

const { token } = await (await fetch(`/demo/token?user=${encodeURIComponent(user)}`)).json();
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const client = new LiteralClient(
  `${scheme}//${location.host}/ws?token=${token}`,
  (message) => {
    messages++;
    handlers[message.type]?.(message);
    byId("connection").textContent = client.connectionId;
    showSoon();
  },
  {
    onState(state) {
      if (state === "open") {
        opens++;
        void showHealth();
      }
      byId("reconnects").textContent = String(Math.max(0, opens - 1));
      byId("state").textContent = state;
      byId("state").dataset.state = state;
    },
  },
);

byId("cut").addEventListener("click", () => client.cut());
byId("plan").addEventListener("submit", (event) => {
  event.preventDefault();
  const { title, start_time } = Object.fromEntries(new FormData(event.target));
  void post("/calendar/events/create", { title, start_time: new Date(start_time).toISOString() });
});
byId("notify").addEventListener("submit", (event) => {
  event.preventDefault();
  const { message } = Object.fromEntries(new FormData(event.target));
  void post(`/users/${encodeURIComponent(user)}/send-notification`, { message, type: "success" });
});
const soon = new Date(Date.now() + 3_600_000 - new Date().getTimezoneOffset() * 60_000);
byId("plan").elements.start_time.value = soon.toISOString().slice(0, 16);

let asked = 0;
async function showHealth() {
  const question = ++asked;
  let text = "unreachable";
  try {
    const { status, connections } = await (await fetch("/ws/health")).json();
    // Another worker may answer, which learns of the connections of this one at its next heartbeat.
    text = connections.total > 0 ? `${status}, ${connections.total} connected` : status;
  } catch {
    // The text says so.
  }
  // An answer that comes late is older than the one that is shown.
  if (question === asked) byId("health").textContent = text;
}
void showHealth();
setInterval(() => void showHealth(), 5_000);
