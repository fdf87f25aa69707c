import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { IndexSearch } from "./index-search.tsx";

interface Asked {
  readonly query: string | null;
  readonly signal: AbortSignal | null | undefined;
  answer(body: unknown, status?: number): Promise<void>;
}

let asked: Asked[] = [];

beforeEach(() => {
  asked = [];
  vi.useFakeTimers();
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    let resolve: (response: Response) => void = () => {};
    const promise = new Promise<Response>((settle) => {
      resolve = settle;
    });
    asked.push({
      query: new URL(path, "http://demo.test").searchParams.get("q"),
      signal: init.signal,
      answer: (body, status = 200) =>
        act(async () => resolve(new Response(JSON.stringify(body), { status }))),
    });
    return promise;
  });
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function type(text: string): void {
  fireEvent.change(screen.getByRole("searchbox"), { target: { value: text } });
}

async function rest(): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(500));
}

function hit(path: string) {
  return { path, line: 3, snippet: "the long road", highlights: [[9, 13]] };
}

describe("the search of an index", () => {
  it("the search sends a query once typing pauses, and marks the words it found", async () => {
    render(<IndexSearch operationId="op-1" />);
    for (const text of ["r", "ro", "road"]) type(text);
    await rest();
    expect(asked.map(({ query }) => query)).toEqual(["road"]);
    await asked[0]?.answer({ hits: [hit("a.md")], total: 4 });
    expect(screen.getByRole("status").textContent).toBe("Found in 4 files; the best 1 are shown.");
    expect(screen.getByRole("listitem").querySelector("mark")?.textContent).toBe("road");
  });

  it("the search never shows a late answer to an earlier query", async () => {
    render(<IndexSearch operationId="op-1" />);
    type("one");
    await rest();
    type("two");
    await rest();
    expect(asked[0]?.signal?.aborted).toBe(true);
    await asked[1]?.answer({ hits: [hit("two.md")], total: 1 });
    await asked[0]?.answer({ hits: [hit("one.md")], total: 1 });
    expect(screen.getByRole("listitem").textContent).toContain("two.md");
  });

  it("the search says that nothing was found, and shows the message of an error", async () => {
    render(<IndexSearch operationId="op-1" />);
    type("zebra");
    await rest();
    await asked[0]?.answer({ hits: [], total: 0 });
    expect(screen.getByRole("status").textContent).toBe("Nothing found for “zebra”.");
    type("zebras");
    await rest();
    await asked[1]?.answer(
      { code: "not_found", detail: "there is no such index in this visit" },
      404,
    );
    expect(screen.getByRole("status").textContent).toBe("there is no such index in this visit");
  });
});
