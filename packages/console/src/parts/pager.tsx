/** Buttons that lead to the first page of a list and to the next; renders nothing where there is one page. */
export function Pager({
  isFirst,
  hasNext,
  onFirst,
  onNext,
}: {
  readonly isFirst: boolean;
  readonly hasNext: boolean;
  readonly onFirst: () => void;
  readonly onNext: () => void;
}) {
  if (isFirst && !hasNext) return null;
  return (
    <nav className="actions" aria-label="Pages of the list">
      <button
        type="button"
        className="button button--small"
        aria-disabled={isFirst}
        onClick={() => !isFirst && onFirst()}
      >
        First page
      </button>
      <button
        type="button"
        className="button button--small"
        aria-disabled={!hasNext}
        onClick={() => hasNext && onNext()}
      >
        Next page
      </button>
    </nav>
  );
}
