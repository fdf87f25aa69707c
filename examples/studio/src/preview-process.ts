import { createServer } from "node:http";

// The shared preview server, as a process of its own. It gets the project's files as JSON on its standard input, and
// prints its address once it serves them.

const chunks: Buffer[] = [];
for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
const files = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
  readonly name: string;
  readonly content: string;
}[];

const broken = files.find(({ content }) => content.includes("raise SystemExit"));
if (broken !== undefined) {
  console.error(`${broken.name} ended the preview`);
  process.exit(1);
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Preview</title>
<meta name="color-scheme" content="light dark"><h1>Preview</h1>${files
  .map(({ name, content }) => `<h2>${escaped(name)}</h2><pre>${escaped(content)}</pre>`)
  .join("")}`;

const server = createServer((_request, response) => {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'",
  });
  response.end(page);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address !== "string") {
    console.log(`http://127.0.0.1:${address.port}/`);
  }
});
process.once("disconnect", () => process.exit(0));
process.once("SIGTERM", () => process.exit(0));
