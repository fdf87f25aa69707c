import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { HttpConnection, publishRequest } from "./http-connection.ts";

test("an HTTP connection reads answers that arrive in pieces and several at a time", async () => {
  const answerOf = (status: number, body: string) =>
    `HTTP/1.1 ${status} Any\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const bytes = answerOf(200, "first") + answerOf(503, "") + answerOf(200, "third");
  const server = createServer((socket) => {
    socket.once("data", async () => {
      for (const part of [bytes.slice(0, 20), bytes.slice(20, 80), bytes.slice(80)]) {
        socket.write(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const answers: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const connection = new HttpConnection(
      { port },
      (status, body) => {
        answers.push(`${status} ${body.toString()}`);
        if (answers.length < 3) return;
        connection.destroy();
        resolve();
      },
      (reason) => reject(new Error(reason)),
    );
    for (let i = 0; i < 3; i++) connection.send(publishRequest("{}", "key", false));
  });
  expect(answers).toEqual(["200 first", "503 ", "200 third"]);
  server.close();
  await once(server, "close");
});
