const width = 120;
const height = 32;

/** Course of a figure, without words: the figure beside it says the last value. */
export function SparkLine({ values }: { readonly values: readonly number[] }) {
  const top = Math.max(...values, 1e-9);
  const step = width / Math.max(1, values.length - 1);
  const points = values
    .map(
      (value, i) =>
        `${(i * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`,
    )
    .join(" ");
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <polyline points={points} />
    </svg>
  );
}
