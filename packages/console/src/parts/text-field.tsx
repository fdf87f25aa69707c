import { useId } from "react";

/** Field for a line of text that is a name or an id. */
export function TextField({
  label,
  value,
  onChange,
  isWide = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly isWide?: boolean;
}) {
  const field = useId();
  return (
    <div className={isWide ? "field search__text" : "field"}>
      <label htmlFor={field}>{label}</label>
      <input
        id={field}
        className="input"
        autoComplete="off"
        spellCheck={false}
        value={value}
        onChange={({ target }) => onChange(target.value)}
      />
    </div>
  );
}
