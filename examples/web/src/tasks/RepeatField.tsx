import { useEffect, useState } from "react";

import { api, ME, type Task } from "../api/client";
import { Field, Select } from "../ui/Field";
import { formatDue } from "./due";
import { RULES } from "./recurrence";

const CUSTOM = "custom";
const CHOICES = { "": "Never", ...RULES, [CUSTOM]: "By a rule" };
const PREVIEW_SIZE = 3;

interface Props {
  task: Task;
  /** The rule, or an empty text. */
  rule: string;
  onChange: (rule: string) => void;
}

/** The menu of rules by which a task repeats, and the next dates of a rule that is saved. */
export function RepeatField({ task, rule, onChange }: Props) {
  const [choice, setChoice] = useState(rule in CHOICES ? rule : CUSTOM);

  function choose(next: string) {
    setChoice(next);
    if (next !== CUSTOM) onChange(next);
  }

  return (
    <>
      <Select label="Repeat" options={CHOICES} value={choice} onChange={(event) => choose(event.target.value)} />
      {choice === CUSTOM && (
        <Field
          label="Rule"
          hint="As iCalendar has it, such as FREQ=MONTHLY;BYDAY=-1FR for the last Friday."
          value={rule}
          maxLength={200}
          required
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {rule && rule === task.recurrence && <NextDates task={task} />}
    </>
  );
}

function NextDates({ task }: { task: Task }) {
  const [dates, setDates] = useState<string[]>([]);

  useEffect(() => {
    const aborted = new AbortController();
    const params = { path: { ...ME, task_id: task.id }, query: { limit: PREVIEW_SIZE } };
    api.GET("/api/{user_id}/tasks/{task_id}/occurrences", { params, signal: aborted.signal }).then(
      ({ data }) => setDates(data?.occurrences ?? []),
      () => setDates([]), // offline, or the form was closed
    );
    return () => aborted.abort();
  }, [task.id]);

  return <p role="status">{dates.length > 0 && <small>Next: {dates.map(formatDue).join(" · ")}</small>}</p>;
}
