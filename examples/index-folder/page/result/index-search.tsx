import { useEffect, useId, useState } from "react";
import { type SearchAnswer, searchIndex } from "../demo/demo-api.ts";
import { count, counted } from "../words/count.ts";
import { Snippet } from "./snippet.tsx";

type Search =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly query: string; readonly answer: SearchAnswer }
  | { readonly kind: "failed"; readonly message: string };

/** Pause in typing after which the query is sent, in milliseconds. */
const restMs = 180;

/** Searches while the user types. The last answer stays until the next one arrives. */
function useSearch(operationId: string, query: string): Search {
  const [search, setSearch] = useState<Search>({ kind: "none" });
  useEffect(() => {
    if (query === "") {
      setSearch({ kind: "none" });
      return;
    }
    const asking = new AbortController();
    const timer = setTimeout(() => {
      searchIndex(operationId, query, asking.signal).then(
        (answer) => {
          if (!asking.signal.aborted) setSearch({ kind: "found", query, answer });
        },
        (error: unknown) => {
          if (asking.signal.aborted) return;
          setSearch({
            kind: "failed",
            message: error instanceof Error ? error.message : String(error),
          });
        },
      );
    }, restMs);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [operationId, query]);
  return search;
}

function searchWords(search: Search): string {
  switch (search.kind) {
    case "none":
      return "Try a word from your files.";
    case "failed":
      return search.message;
    case "found": {
      const { total, hits } = search.answer;
      if (total === 0) return `Nothing found for “${search.query}”.`;
      const all = `Found in ${counted(total, "file")}`;
      return hits.length < total ? `${all}; the best ${count(hits.length)} are shown.` : `${all}.`;
    }
  }
}

/** Search box of a finished index, with its results. */
export function IndexSearch({ operationId }: { readonly operationId: string }) {
  const [text, setText] = useState("");
  const id = useId();
  const search = useSearch(operationId, text.trim());
  const hits = search.kind === "found" ? search.answer.hits : [];
  return (
    <search className="search">
      <div className="field">
        <label htmlFor={id}>Search this index</label>
        <input
          id={id}
          className="input"
          type="search"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <p className="search__words soft small" role="status" data-failed={search.kind === "failed"}>
        {searchWords(search)}
      </p>
      <ol
        className="search__hits"
        aria-label="Search results"
        // An area that scrolls needs focus to be scrolled by keys; an empty one would only be a stop on the way.
        tabIndex={hits.length > 0 ? 0 : undefined}
      >
        {hits.map((hit) => (
          <li key={hit.path} className="hit">
            <p className="hit__place path">
              {hit.path}
              <span className="soft">:{hit.line}</span>
            </p>
            <p className="hit__snippet">
              <Snippet snippet={hit.snippet} highlights={hit.highlights} />
            </p>
          </li>
        ))}
      </ol>
    </search>
  );
}
