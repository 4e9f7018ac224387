import type { Task, TaskFields } from "../api/client";

/** A change that the user has made and the service has not confirmed yet. */
export type Change = {
  /** The Idempotency-Key: a change that is sent again is made once. */
  key: string;
  /** The id of the task. It is negative until the service has created the task. */
  id: number;
  /** Why the service did not accept the change. The user decides how to go on. */
  stopped?: Stopped;
} & (
  | { kind: "create"; task: Task }
  | { kind: "update"; patch: Partial<TaskFields>; edited?: Edited }
  | { kind: "delete" }
  | { kind: "restore"; task: Task }
);

/** The version that the user edited. The ETag is unknown if the form was opened offline. */
export interface Edited {
  task: Task;
  etag?: string | undefined;
}

export interface Stopped {
  message: string;
  /** For a conflict: the task as it is now, and the fields that both sides have changed. */
  conflict?: { current: Edited; fields: (keyof TaskFields)[] };
}

/** Returns the tasks as the user sees them: the copy with all changes that are not confirmed yet. */
export function withChanges(copy: ReadonlyMap<number, Task>, changes: readonly Change[]): Map<number, Task> {
  const tasks = new Map(copy);
  for (const change of changes) {
    const task = tasks.get(change.id);
    if (change.kind === "delete") tasks.delete(change.id);
    else if (change.kind !== "update") tasks.set(change.id, change.task);
    else if (task) tasks.set(change.id, { ...task, ...change.patch });
  }
  return tasks;
}

/** Returns the first change that can be sent. A stopped change also stops the later changes of its task. */
export function nextChange(changes: readonly Change[]): Change | undefined {
  const stopped = new Set<number>();
  return changes.find((change) => {
    if (change.stopped) stopped.add(change.id);
    return !stopped.has(change.id);
  });
}

/**
 * Returns the changes without a confirmed one.
 *
 * Later changes of its task get the id that the service has given to a new task. They lose the ETag that the confirmed
 * change has replaced, so they are compared with the current task when they are sent.
 */
export function withoutConfirmed(changes: readonly Change[], confirmed: Change, id: number): Change[] {
  return changes
    .filter((change) => change.key !== confirmed.key)
    .map((change) => (change.id === confirmed.id ? moved(change, id) : change));
}

function moved(change: Change, id: number): Change {
  if (change.kind !== "update" || !change.edited) return { ...change, id };
  return { ...change, id, edited: { task: change.edited.task } };
}

/** Returns the fields of a patch that have changed to another value since the user read the task. */
export function conflictingFields(
  patch: Partial<TaskFields>,
  edited: Task,
  current: Task,
): (keyof TaskFields)[] {
  const fields = Object.keys(patch) as (keyof TaskFields)[];
  return fields.filter((field) => !isEqual(current[field], edited[field]) && !isEqual(current[field], patch[field]));
}

/** Returns the fields of `values` that differ from the task. */
export function changedFields(task: Task, values: Partial<TaskFields>): Partial<TaskFields> {
  const fields = Object.keys(values) as (keyof TaskFields)[];
  return Object.fromEntries(
    fields.filter((field) => !isEqual(values[field], task[field])).map((field) => [field, values[field]]),
  );
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
