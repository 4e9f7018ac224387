import { type KeyboardEvent, useState } from "react";

import { Field } from "../ui/Field";

const TAGS_MAX = 20;

interface Props {
  tags: string[];
  onChange: (tags: string[]) => void;
}

/** The tags of a task: each with a button that removes it, and an input that adds one. */
export function TagsField({ tags, onChange }: Props) {
  const [tag, setTag] = useState("");

  function add() {
    if (tag.trim() && !tags.includes(tag.trim())) onChange([...tags, tag.trim()]);
    setTag("");
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Enter" || !tag) return;
    event.preventDefault(); // Enter would submit the form
    add();
  }

  return (
    <fieldset>
      <legend>Tags</legend>
      <ul className="details">
        {tags.map((name) => (
          <li key={name} className="tag">
            {name}
            <button
              type="button"
              aria-label={`Remove tag ${name}`}
              onClick={() => onChange(tags.filter((other) => other !== name))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <Field
        label="Add a tag"
        hint="Press Enter after each tag."
        value={tag}
        maxLength={50}
        disabled={tags.length >= TAGS_MAX}
        onChange={(event) => setTag(event.target.value)}
        onKeyDown={onKeyDown}
        onBlur={add}
      />
    </fieldset>
  );
}
