// A chat client without an SDK: one WebSocket, and the chat's own messages.

const heartbeatMs = 25_000;
const maxBackoffMs = 30_000;
const typingEveryMs = 2_000;

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.hash.slice(1));

async function visit() {
  const query = new URLSearchParams({ name: asked.get("name") ?? "literal" });
  if (asked.get("room")) query.set("room", asked.get("room"));
  const answer = await fetch(`/chat/visit?${query}`, { method: "POST" });
  return answer.json();
}

let socket;
let failures = 0;
let lastEventId;
let lastTyping = 0;
const parts = new Map();
const typists = new Set();

async function connect() {
  const { token, session, user } = await visit();
  history.replaceState(null, "", `#room=${session}&name=${user}`);
  asked.set("room", session);
  const query =
    lastEventId === undefined ? "" : `?last_event_id=${encodeURIComponent(lastEventId)}`;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/chat/${session}${query}`);
  const beat = setInterval(() => {
    send("connection_heartbeat", { timestamp: new Date().toISOString() });
  }, heartbeatMs);
  socket.onopen = () => send("auth", { token, sessionId: session });
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = () => {
    clearInterval(beat);
    at("status").textContent = "reconnecting";
    const waitMs = Math.min(maxBackoffMs, 1_000 * 2 ** failures++) * (0.5 + Math.random() / 2);
    setTimeout(reconnect, waitMs);
  };
  Object.assign(socket, { user, session });
}

function reconnect() {
  connect().catch(() => setTimeout(reconnect, maxBackoffMs));
}

function send(type, payload) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type, payload }));
}

function receive({ type, data, event_id: eventId, snapshot, error }) {
  if (eventId) lastEventId = eventId;
  switch (type) {
    case "welcome":
      failures = 0;
      at("status").textContent = "live";
      break;
    case "subscribed":
    case "reset":
      for (const message of snapshot?.state?.messages ?? []) show(message.id, message);
      break;
    case "chat_message":
      show(data.id ?? eventId, data);
      break;
    case "chat_message_chunk": {
      const text = (parts.get(data.messageId) ?? "") + data.content;
      show(data.messageId, { role: data.role ?? "assistant", content: text });
      break;
    }
    case "agent_status_update":
      at("agent").textContent = data.isActive ? `${data.currentTask} (${data.progress} %)` : "";
      break;
    case "user_typing":
      if (data.isTyping) typists.add(data.userId);
      else typists.delete(data.userId);
      at("typing").textContent = typists.size === 0 ? "" : `${[...typists].join(", ")} typing…`;
      break;
    case "reply":
      if (error) at("status").textContent = error.message;
      break;
  }
}

/** Shows a message, or the text that one has now. */
function show(id, { role, content }) {
  parts.set(id, content);
  let item = [...at("messages").children].find((one) => one.dataset.id === id);
  if (item === undefined) {
    item = document.createElement("li");
    item.dataset.id = id;
    item.className = role;
    at("messages").append(item);
  }
  item.textContent = content;
}

at("draft").addEventListener("input", () => {
  if (Date.now() - lastTyping < typingEveryMs) return;
  lastTyping = Date.now();
  send("user_typing", { userId: socket.user, sessionId: socket.session });
});

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = at("draft").value.trim();
  if (content === "") return;
  at("draft").value = "";
  lastTyping = 0;
  send("chat_message", { content, role: "user", attachments: [] });
});

reconnect();
