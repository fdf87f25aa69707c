import { type ReactNode, useState } from "react";
import type { StudioFile } from "./backend.ts";

/** The files of the project, one at a time. */
export function Editor({
  files,
  onChange,
}: {
  readonly files: readonly StudioFile[];
  readonly onChange: (files: readonly StudioFile[]) => void;
}): ReactNode {
  const [chosen, setChosen] = useState("");
  const file = files.find(({ name }) => name === chosen) ?? files[0];
  if (file === undefined) return null;
  return (
    <div className="studio-editor">
      <fieldset className="studio-files">
        <legend className="studio-hidden">File</legend>
        {files.map(({ name }) => (
          <label key={name}>
            <input
              type="radio"
              name="file"
              checked={name === file.name}
              onChange={() => setChosen(name)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <textarea
        aria-label={`Content of ${file.name}`}
        spellCheck={false}
        value={file.content}
        onChange={({ target }) =>
          onChange(
            files.map((one) => (one.name === file.name ? { ...one, content: target.value } : one)),
          )
        }
      />
    </div>
  );
}
