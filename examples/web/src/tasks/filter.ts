import type { Task } from "../api/client";
import { dueTime } from "./due";

export interface Filter {
  text: string;
  status: "open" | "completed" | "all";
  priority: "" | "low" | "medium" | "high";
  tag: string;
  sort: keyof typeof COMPARE;
}

export const NO_FILTER: Filter = { text: "", status: "open", priority: "", tag: "", sort: "order" };

const RANK = { high: 0, medium: 1, low: 2 };

const COMPARE = {
  order: (one: Task, other: Task) => one.order - other.order,
  due: (one: Task, other: Task) => dueTime(one.due) - dueTime(other.due),
  priority: (one: Task, other: Task) => rank(one) - rank(other),
  title: (one: Task, other: Task) => one.title.localeCompare(other.title),
};

function rank({ priority }: Task): number {
  return priority ? RANK[priority] : 3;
}

/** Returns the tasks that match, sorted. Ids break ties. */
export function filterTasks(tasks: Iterable<Task>, filter: Filter): Task[] {
  const compare = COMPARE[filter.sort];
  return [...tasks].filter((task) => matches(task, filter)).sort((a, b) => compare(a, b) || a.id - b.id);
}

function matches(task: Task, { text, status, priority, tag }: Filter): boolean {
  return (
    (status === "all" || task.completed === (status === "completed")) &&
    (!priority || task.priority === priority) &&
    (!tag || task.tags.includes(tag)) &&
    normalized(`${task.title}\n${task.description ?? ""}`).includes(normalized(text))
  );
}

function normalized(text: string): string {
  return text.normalize("NFC").toLowerCase();
}
