import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { root, sourcesByName } from "./workspaces.mjs";

/**
 * Measures the size of the client for a browser: bundled with what a page imports of it, minified and gzipped.
 * Code that is loaded only on demand does not count, except in the page that has everything in one file. Fails above
 * the limits. They are the sizes reached so far: lower them when the size falls. `--parts` prints what each module
 * adds before it is minified.
 */
const pages = [
  {
    name: "core",
    code: 'export { createClient } from "@milepost/client/core";',
    maxBytes: 12_575,
  },
  {
    name: "with operations",
    code: 'export { createClient } from "@milepost/client";',
    maxBytes: 22_345,
  },
  {
    name: "with operations and a chat",
    code: 'export { createClient } from "@milepost/client"; export { openChat } from "@milepost/client/chat";',
    maxBytes: 23_615,
  },
  {
    name: "everything in one file",
    code: 'export { createClient } from "@milepost/client";',
    inOneFile: true,
    maxBytes: 32_365,
  },
];

/** Packages are bundled from their sources, so no build is needed. */
const sources = sourcesByName();

/**
 * @param {string} code
 * @param {boolean} inOneFile true to include the code that is loaded on demand
 */
async function measure(code, inOneFile) {
  const page = "\0page";
  const bundle = await rolldown({
    input: page,
    platform: "browser",
    treeshake: { moduleSideEffects: false },
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === page ? page : sources.get(id)),
        load: (id) => (id === page ? code : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({
    format: "esm",
    minify: true,
    codeSplitting: !inOneFile,
  });
  const chunks = output.filter((file) => file.type === "chunk");
  const loaded = new Set(chunks.filter(({ isEntry }) => isEntry));
  // The loop also visits the chunks that it adds to the set.
  for (const { imports } of loaded) {
    for (const chunk of chunks) if (imports.includes(chunk.fileName)) loaded.add(chunk);
  }
  const parts = [...loaded].flatMap(({ modules }) =>
    Object.entries(modules).map(([id, { renderedLength }]) => ({
      name: id.replace(`${root}/packages/`, ""),
      length: renderedLength,
    })),
  );
  const bytes = [...loaded].reduce(
    (sum, chunk) => sum + gzipSync(chunk.code, { level: 9 }).length,
    0,
  );
  return { bytes, parts };
}

for (const { name, code, maxBytes, inOneFile = false } of pages) {
  const { bytes, parts } = await measure(code, inOneFile);
  const isTooLarge = bytes > maxBytes;
  console.log(`${name}: ${bytes} of ${maxBytes} bytes${isTooLarge ? " - TOO LARGE" : ""}`);
  if (isTooLarge) process.exitCode = 1;
  if (!process.argv.includes("--parts")) continue;
  parts.sort((a, b) => b.length - a.length);
  for (const part of parts) console.log(`${String(part.length).padStart(8)} ${part.name}`);
}
