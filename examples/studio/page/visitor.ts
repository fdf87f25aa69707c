/** Name of this tab's visitor, `?visitor=…` of the address, so that one browser can show several visitors. */
const name = new URLSearchParams(location.search).get("visitor") ?? "";
const key = name === "" ? "userId" : `userId:${name}`;

/** Returns the id of this browser's visitor, and makes one at the first visit. */
export function visitorId(): string {
  const stored = localStorage.getItem(key);
  if (stored) return stored;
  const made = `user_${Date.now()}_${crypto.getRandomValues(new Uint32Array(2)).join("").slice(0, 12)}`;
  localStorage.setItem(key, made);
  return made;
}

/** Returns the address of this page as another visitor. */
export function otherVisitor(): string {
  const next = new URL(location.href);
  next.searchParams.set("visitor", String(Number(name || "1") + 1));
  return next.href;
}
