/** Note that says why a figure or a list could not be read; renders nothing without an error. */
export function FailureNote({ error }: { readonly error: string | undefined }) {
  if (error === undefined) return null;
  return (
    <p className="note" data-tone="stop" role="alert">
      {error}
    </p>
  );
}
