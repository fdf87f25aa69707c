/** Mark of the product: a milestone at the roadside. It is decorative; the name stands next to it. */
export function MilepostMark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <path className="mark__stone" d="M6 31V13a10 10 0 0 1 20 0v18z" />
      <path className="mark__letter" d="M11.5 21.5v-9l4.5 5 4.5-5v9" />
      <path className="mark__road" d="M0 31h32" />
    </svg>
  );
}
