import { type FormEvent, useEffect, useRef, useState } from "react";

import type { Task, TaskFields } from "../api/client";
import { changedFields, type Edited } from "../sync/changes";
import { useStore } from "../sync/context";
import { announce } from "../ui/announcer";
import { Field, Select } from "../ui/Field";
import { dueFromInputs, dueInputs } from "./due";
import { RepeatField } from "./RepeatField";
import { TagsField } from "./TagsField";

const PRIORITIES = { "": "None", high: "High", medium: "Medium", low: "Low" };

/** The form of a task. It sends the fields that the user has changed. */
export function EditDialog({ edited, onClose }: { edited: Edited; onClose: () => void }) {
  const store = useStore();
  const dialog = useRef<HTMLDialogElement>(null);
  const { task } = edited;
  const { date, time } = dueInputs(task.due);
  const [tags, setTags] = useState(task.tags);
  const [rule, setRule] = useState(task.recurrence ?? "");

  useEffect(() => dialog.current?.showModal(), []);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const values = fieldsOf(new FormData(event.currentTarget));
    if (dueFromInputs(date, time) === values.due) values.due = task.due; // the inputs have no seconds
    const patch = changedFields(task, { ...values, tags, ...repetition(task, rule) });
    if (Object.keys(patch).length > 0) {
      store.update(task.id, patch, edited);
      announce(`Changed “${values.title}”.`);
    }
    dialog.current?.close();
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="edit-title">
      <form onSubmit={submit}>
        <h2 id="edit-title">Edit task</h2>
        <Field label="Title" name="title" defaultValue={task.title} maxLength={255} pattern=".*\S.*" required />
        <p className="field">
          <label htmlFor="edit-description">Description</label>
          <textarea
            id="edit-description"
            name="description"
            defaultValue={task.description ?? ""}
            maxLength={10_000}
            rows={4}
          />
        </p>
        <div className="columns">
          <Field label="Due date" name="date" type="date" defaultValue={date} required={rule !== ""} />
          <Field label="Time" name="time" type="time" defaultValue={time} />
          <Select label="Priority" name="priority" options={PRIORITIES} defaultValue={task.priority ?? ""} />
        </div>
        <RepeatField task={task} rule={rule} onChange={setRule} />
        <TagsField tags={tags} onChange={setTags} />
        <p className="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button className="primary">Save</button>
        </p>
      </form>
    </dialog>
  );
}

function fieldsOf(form: FormData): Pick<TaskFields, "title" | "description" | "due" | "priority"> {
  const text = (name: string) => String(form.get(name)).replaceAll("\r\n", "\n");
  return {
    title: text("title"),
    description: text("description") || null,
    due: dueFromInputs(text("date"), text("time")),
    priority: (text("priority") || null) as TaskFields["priority"],
  };
}

/** Returns the rule of a task. A task that begins to repeat does so in the time zone of the browser. */
function repetition(task: Task, rule: string): Pick<TaskFields, "recurrence" | "timezone"> {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { recurrence: rule || null, timezone: task.recurrence || !rule ? task.timezone : timeZone };
}
