/** Returns a generator of keys that no other client generates: a long random prefix and a counter. */
export function randomKeys(random: () => number): () => string {
  let prefix = "";
  for (let i = 0; i < 4; i++) prefix += Math.floor(random() * 2 ** 32).toString(36);
  let count = 0;
  return () => `${prefix}.${(++count).toString(36)}`;
}
