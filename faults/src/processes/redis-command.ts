import { connect } from "node:net";

const deadlineMs = 5_000;

/** Sends one command to a Redis of this machine over a connection of its own; resolves with the answer as it came. */
export function redisCommand(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let answer = "";
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error(`${words[0]}: no answer`)));
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      answer += chunk.toString("utf8");
    });
    socket.on("close", () => {
      if (answer.startsWith("-")) reject(new Error(answer.trim()));
      else resolve(answer);
    });
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    // QUIT ends the connection once the answer is there.
    socket.write(`*${words.length}\r\n${parts.join("")}*1\r\n$4\r\nQUIT\r\n`);
  });
}
