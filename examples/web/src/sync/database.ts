import { type DBSchema, type IDBPDatabase, openDB } from "idb";

import type { Task } from "../api/client";
import type { Change } from "./changes";

interface Schema extends DBSchema {
  tasks: { key: number; value: Task };
  state: { key: "state"; value: State };
}

/** What is stored beside the copy of the tasks. */
export interface State {
  changes: Change[];
  /** The position of the copy in the service's list of changes; absent before the first synchronisation. */
  syncToken?: string | undefined;
}

/** An edit of the copy and of the changes that wait. */
export interface Edit {
  clear?: boolean;
  put?: Task[];
  remove?: number[];
  state?: (state: State) => State;
}

export type Database = IDBPDatabase<Schema>;

export function openDatabase(name: string): Promise<Database> {
  return openDB<Schema>(name, 1, {
    upgrade(database) {
      database.createObjectStore("tasks", { keyPath: "id" });
      database.createObjectStore("state");
    },
    // Another tab signs out and deletes the database.
    blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
  });
}

export async function readDatabase(database: Database): Promise<{ tasks: Task[]; state: State }> {
  const transaction = database.transaction(["tasks", "state"]);
  const tasks = await transaction.objectStore("tasks").getAll();
  return { tasks, state: (await transaction.objectStore("state").get("state")) ?? { changes: [] } };
}

/** Applies an edit in one transaction. It reads the state again, since other tabs write it too. */
export async function editDatabase(database: Database, edit: Edit): Promise<void> {
  const transaction = database.transaction(["tasks", "state"], "readwrite");
  const tasks = transaction.objectStore("tasks");
  const states = transaction.objectStore("state");
  if (edit.clear) void tasks.clear();
  for (const task of edit.put ?? []) void tasks.put(task);
  for (const id of edit.remove ?? []) void tasks.delete(id);
  if (edit.state) void states.put(edit.state((await states.get("state")) ?? { changes: [] }), "state");
  await transaction.done;
}
