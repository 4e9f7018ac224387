import type { FormEvent } from "react";

import { useStore } from "../sync/context";
import { announce } from "../ui/announcer";
import { dueFromInputs } from "./due";

/** The form for a new task. */
export function AddTask() {
  const store = useStore();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const title = String(form.get("title")).trim();
    if (!title) return;
    store.add({ title, due: dueFromInputs(String(form.get("due")), ""), priority: null });
    announce(`Added “${title}”.`);
    event.currentTarget.reset();
  }

  return (
    <form onSubmit={submit} className="add card">
      <input name="title" aria-label="New task" placeholder="What is to be done?" maxLength={255} required />
      <input name="due" type="date" aria-label="Due date of the new task" />
      <button className="primary">Add</button>
    </form>
  );
}
