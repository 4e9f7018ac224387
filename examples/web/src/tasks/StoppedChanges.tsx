import type { FormEvent } from "react";

import type { Task, TaskFields } from "../api/client";
import type { Change, Stopped } from "../sync/changes";
import { useSnapshot, useStore } from "../sync/context";
import { formatDue } from "./due";

/** The changes that the service did not accept, with the ways to go on. */
export function StoppedChanges() {
  const { changes, tasks } = useSnapshot();
  return changes
    .filter((change) => change.stopped)
    .map((change) => (
      <StoppedChange
        key={change.key}
        change={change}
        stopped={change.stopped!}
        title={tasks.get(change.id)?.title ?? "A task"}
      />
    ));
}

function StoppedChange({ change, stopped, title }: { change: Change; stopped: Stopped; title: string }) {
  const store = useStore();
  const isConflict = change.kind === "update" && stopped.conflict;

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    store.resume(change, isConflict ? chosenFields(change.patch, form) : undefined);
  }

  return (
    <form className="stopped card" onSubmit={submit}>
      <div role="alert">
        <h2>{`“${title}” ${stopped.message}`}</h2>
      </div>
      {isConflict &&
        stopped.conflict!.fields.map((field) => (
          <Choice key={field} field={field} yours={change.patch} theirs={stopped.conflict!.current.task} />
        ))}
      <p className="actions">
        <button type="button" onClick={() => store.discard(change)}>
          Discard my change
        </button>
        <button className="primary">{isConflict ? "Save" : "Try again"}</button>
      </p>
    </form>
  );
}

interface ChoiceProps {
  field: keyof TaskFields;
  yours: Partial<TaskFields>;
  theirs: Task;
}

/** The two values of a field. */
function Choice({ field, yours, theirs }: ChoiceProps) {
  return (
    <fieldset>
      <legend>{field}</legend>
      <label>
        <input type="radio" name={field} value="yours" defaultChecked /> Yours: <b>{format(field, yours[field])}</b>
      </label>
      <label>
        <input type="radio" name={field} value="theirs" /> The other device’s: <b>{format(field, theirs[field])}</b>
      </label>
    </fieldset>
  );
}

function format(field: keyof TaskFields, value: TaskFields[keyof TaskFields] | undefined): string {
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (field === "due" && value) return formatDue(String(value));
  return String(value ?? "none");
}

/** Returns the patch without the fields for which the user has chosen the other device's value. */
function chosenFields(patch: Partial<TaskFields>, form: FormData): Partial<TaskFields> {
  return Object.fromEntries(Object.entries(patch).filter(([field]) => form.get(field) !== "theirs"));
}
