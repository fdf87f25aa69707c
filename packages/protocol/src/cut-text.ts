/**
 * Returns at most the first `maxLength` characters of a text. Never splits a surrogate pair, since half a pair
 * does not survive every encoding.
 */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const last = text.charCodeAt(maxLength - 1);
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, Math.max(0, isHighSurrogate ? maxLength - 1 : maxLength));
}
