import { useEffect, useState } from "react";

/** Pages of the console, in the order of the menu. */
export const pageNames = [
  "overview",
  "nodes",
  "connections",
  "channels",
  "operations",
  "queues",
  "dead-letters",
  "webhooks",
  "rules",
  "limits",
] as const;

/** Name of a page, as in the fragment of the address. */
export type PageName = (typeof pageNames)[number];

function pageNow(): PageName {
  const name = location.hash.slice(1);
  return pageNames.find((known) => known === name) ?? "overview";
}

/** Returns the page that the fragment of the address names, and keeps the document's title with it. */
export function usePage(): PageName {
  const [page, setPage] = useState(pageNow);
  useEffect(() => {
    const follow = () => setPage(pageNow());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    document.title = `${titleOf(page)} · Milepost console`;
  }, [page]);
  return page;
}

/** Returns the title of a page. */
export function titleOf(page: PageName): string {
  return `${page.charAt(0).toUpperCase()}${page.slice(1).replace("-", " ")}`;
}
