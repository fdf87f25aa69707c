import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** The client as a browser loads it: minified, gzipped, with what a page imports of it and nothing else. */
const root = fileURLToPath(new URL("..", import.meta.url));

/** What a page may import, and how many bytes that may be. */
const pages = [
  {
    name: "core",
    code: 'import { createClient } from "@milepost/client"; console.log(createClient);',
    maxBytes: 9 * 1_024,
  },
];

/** Modules of the packages are bundled from the sources that they are built of. */
function sourceOf(specifier) {
  const [, folder, subpath = ""] = /^@milepost\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (folder === undefined) return undefined;
  const manifest = JSON.parse(readFileSync(`${root}packages/${folder}/package.json`, "utf8"));
  const target = manifest.exports[`.${subpath}`];
  const source = target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts");
  return `${root}packages/${folder}/${source}`;
}

async function measure({ code }) {
  const page = "\0page";
  const bundle = await rolldown({
    input: page,
    platform: "browser",
    treeshake: true,
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === page ? page : sourceOf(id)),
        load: (id) => (id === page ? code : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  const parts = new Map();
  for (const chunk of output) {
    for (const [id, module] of Object.entries(chunk.modules ?? {})) {
      parts.set(id.replace(`${root}packages/`, ""), module.renderedLength);
    }
  }
  return { chunks: output.map((c) => [c.fileName, c.isEntry, gzipSync(c.code, { level: 9 }).length, c.code.length]), parts };
}

for (const page of pages) {
  const { chunks, parts } = await measure(page);
  console.log(page.name, chunks);
  if (process.argv.includes("--parts")) {
    for (const [id, length] of [...parts].sort(([, a], [, b]) => b - a)) console.log(`${length}\t${id}`);
  }
}
