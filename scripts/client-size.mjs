import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { root, sourcesByName } from "./workspaces.mjs";

/**
 * Measures the size of the client for a browser: bundled with a page that imports it, minified and gzipped. Code that
 * is loaded on demand does not count, except the file that a page names with `loads`, and in the page that has
 * everything in one file. Fails above the limits. They are the sizes reached so far: lower them when the size falls.
 * `--parts` prints what each module adds before it is minified.
 */
const pages = [
  {
    name: "core",
    exports: { "@milepost/client/core": "createClient" },
    maxBytes: 12_535,
  },
  {
    name: "with operations",
    exports: { "@milepost/client": "createClient" },
    maxBytes: 15_260,
  },
  {
    name: "with operations, all that shows one",
    exports: { "@milepost/client": "createClient" },
    loads: "operation-code.ts",
    maxBytes: 22_310,
  },
  {
    name: "with operations and a chat",
    exports: { "@milepost/client": "createClient", "@milepost/client/chat": "openChat" },
    maxBytes: 16_765,
  },
  {
    name: "everything in one file",
    exports: { "@milepost/client": "createClient" },
    inOneFile: true,
    maxBytes: 33_310,
  },
];

/** Packages are bundled from their sources, so no build is needed. */
const sources = sourcesByName();

/**
 * @param {Record<string, string>} exports the export that the page uses of each module
 * @param {boolean} inOneFile true to include all code that is loaded on demand
 * @param {string} [loads] file that is loaded on demand and counts
 */
async function measure(exports, inOneFile, loads) {
  const page = "\0page";
  const names = Object.values(exports);
  // A page exports nothing, so what it shares with code that is loaded later stays in its own file.
  const code = [
    ...Object.entries(exports).map(([module, name]) => `import { ${name} } from "${module}";`),
    `globalThis.page = [${names.join(", ")}];`,
  ].join("\n");
  const bundle = await rolldown({
    input: page,
    platform: "browser",
    preserveEntrySignatures: false,
    treeshake: { moduleSideEffects: (id) => id === page },
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
  const loaded = new Set(
    chunks.filter(
      ({ isEntry, facadeModuleId }) => isEntry || (loads && facadeModuleId?.endsWith(loads)),
    ),
  );
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

for (const { name, exports, maxBytes, inOneFile = false, loads } of pages) {
  const { bytes, parts } = await measure(exports, inOneFile, loads);
  const isTooLarge = bytes > maxBytes;
  console.log(`${name}: ${bytes} of ${maxBytes} bytes${isTooLarge ? " - TOO LARGE" : ""}`);
  if (isTooLarge) process.exitCode = 1;
  if (!process.argv.includes("--parts")) continue;
  parts.sort((a, b) => b.length - a.length);
  for (const part of parts) console.log(`${String(part.length).padStart(8)} ${part.name}`);
}
