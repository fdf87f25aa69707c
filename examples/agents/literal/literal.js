// A client of the progress feed written from its description alone: one WebSocket per session, complete documents, and
// five attempts to reconnect after 1, 2, 4, 8 and 16 s. It sends nothing.

const maxAttempts = 5;
const policyViolation = 1008;

/** Follows the progress of a session. `show` gets each document, `tell` the state of the connection in words. */
export function followProgress(base, sessionId, show, tell) {
  let attempt = 0;
  let socket;
  let timer;
  function connect() {
    socket = new WebSocket(`${base}/ws/progress/${encodeURIComponent(sessionId)}`);
    socket.onopen = () => {
      attempt = 0;
      tell("connected");
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "progress_update") show(message);
      else if (message.code === "server_shutting_down") tell("the server restarts");
    };
    socket.onclose = ({ code, reason }) => {
      if (code === policyViolation) return tell(`refused: ${reason}`);
      attempt += 1;
      if (attempt > maxAttempts) return tell("gave up");
      const seconds = 2 ** (attempt - 1);
      tell(`connection lost; next attempt in ${seconds} s`);
      timer = setTimeout(connect, seconds * 1000);
    };
  }
  connect();
  return () => {
    clearTimeout(timer);
    socket.onclose = null;
    socket.close();
  };
}
