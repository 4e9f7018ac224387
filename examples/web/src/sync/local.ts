import { deleteDB } from "idb";

import type { Task } from "../api/client";
import { type Change, withChanges } from "./changes";
import { type Database, type Edit, editDatabase, openDatabase, readDatabase, type State } from "./database";

export interface Snapshot {
  tasks: ReadonlyMap<number, Task>;
  changes: readonly Change[];
  /** Whether the copy has been complete once: an empty one is then a list without tasks. */
  isLoaded: boolean;
  isOnline: boolean;
}

/**
 * The copy of the tasks and the changes that wait, in memory and in IndexedDB. All tabs of the browser share them.
 *
 * An edit is shown at once, and stored afterwards.
 */
export class LocalTasks {
  state: State = { changes: [] };
  private copy = new Map<number, Task>();
  private isOnline = true;
  private version = 0;
  private snapshot!: Snapshot;
  private listeners = new Set<() => void>();
  private database: Promise<Database>;
  private channel: BroadcastChannel;
  private isErased = false;

  constructor(private readonly name: string) {
    this.database = openDatabase(name);
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = () => void this.load();
    this.publish();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): Snapshot => this.snapshot;

  async load(): Promise<void> {
    const { version } = this;
    const { tasks, state } = await readDatabase(await this.database);
    // An edit that was made meanwhile is not in what was read.
    if (version !== this.version) return this.load();
    this.copy = new Map(tasks.map((task) => [task.id, task]));
    this.state = state;
    this.publish();
  }

  /** Edits the tasks. A response that arrives after the sign-out edits nothing. */
  async edit(edit: Edit): Promise<void> {
    if (this.isErased) return;
    this.version += 1;
    if (edit.clear) this.copy.clear();
    for (const task of edit.put ?? []) this.copy.set(task.id, task);
    for (const id of edit.remove ?? []) this.copy.delete(id);
    this.state = edit.state?.(this.state) ?? this.state;
    this.publish();
    await editDatabase(await this.database, edit);
    if (!this.isErased) this.channel.postMessage("edited");
  }

  setOnline(isOnline: boolean): void {
    this.isOnline = isOnline;
    this.publish();
  }

  async erase(): Promise<void> {
    this.isErased = true;
    this.channel.close();
    (await this.database).close();
    await deleteDB(this.name);
  }

  private publish(): void {
    const { changes, syncToken } = this.state;
    const tasks = withChanges(this.copy, changes);
    this.snapshot = { tasks, changes, isLoaded: syncToken !== undefined, isOnline: this.isOnline };
    for (const listener of this.listeners) listener();
  }
}
