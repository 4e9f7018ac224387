import { api, ME, type Task, type TaskFields, Unavailable } from "../api/client";
import { announce } from "../ui/announcer";
import { type Change, type Edited, nextChange, withChanges, withoutConfirmed } from "./changes";
import { type Database, type Edit, editDatabase, openDatabase, readDatabase, type State } from "./database";
import { readTask, send } from "./send";

const INTERVAL = 20_000;
/** Milliseconds to wait for the newest version before the form opens with that of the copy. */
const READ_TIMEOUT = 2_000;

export interface Snapshot {
  tasks: ReadonlyMap<number, Task>;
  changes: readonly Change[];
  isLoaded: boolean;
  isOnline: boolean;
}

/**
 * The tasks of a user: a copy of what the service has, and the changes that wait to be sent.
 *
 * The user's changes are shown at once and stored in IndexedDB. `sync` sends them in their order, then reads what has
 * changed elsewhere. It runs after each change, at an interval, and when the page regains the focus or the connection.
 */
export class TaskStore {
  private copy = new Map<number, Task>();
  private state: State = { changes: [] };
  private isLoaded = false;
  private isOnline = true;
  private version = 0;
  private database: Promise<Database>;
  private channel: BroadcastChannel;
  private nextSync: Promise<void> | undefined;
  private listeners = new Set<() => void>();
  private snapshot!: Snapshot;
  /** The ids that the service gave to tasks of this page. */
  private createdIds = new Map<number, number>();

  constructor(
    private readonly name: string,
    private readonly onSessionEnd: () => void,
  ) {
    this.database = openDatabase(name);
    this.channel = new BroadcastChannel(name);
    this.publish();
  }

  /** Loads the copy and keeps it up to date. Returns a function that stops this. */
  start(): () => void {
    const sync = () => void this.sync();
    const timer = setInterval(sync, INTERVAL);
    this.channel.onmessage = () => void this.load();
    addEventListener("online", sync);
    addEventListener("focus", sync);
    void this.load().then(sync);
    return () => {
      clearInterval(timer);
      this.channel.onmessage = null;
      removeEventListener("online", sync);
      removeEventListener("focus", sync);
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getSnapshot = (): Snapshot => this.snapshot;

  // Changes of the user

  add(values: Pick<Task, "title" | "due" | "priority">): void {
    const now = new Date().toISOString();
    const order = 1024 + Math.max(0, ...[...this.snapshot.tasks.values()].map((task) => task.order));
    const written = { description: null, tags: [], completed: false, order, ...values };
    const task = { ...written, id: -Date.now(), user_id: "me", completed_at: null, created_at: now, updated_at: now };
    this.push({ key: newKey(), id: task.id, kind: "create", task });
  }

  /** Changes fields. With the version that the user edited, changes of others are not overwritten. */
  update(id: number, patch: Partial<TaskFields>, edited?: Edited): void {
    this.push({ key: newKey(), id, kind: "update", patch, ...(edited && { edited }) });
  }

  remove(task: Task): void {
    this.push({ key: newKey(), id: task.id, kind: "delete" });
  }

  restore(task: Task): void {
    this.push({ key: newKey(), id: task.id, kind: "restore", task });
  }

  /** Sends a stopped change again: as it is, or for a conflict with the fields that the user has chosen. */
  resume({ stopped, ...change }: Change, patch?: Partial<TaskFields>): void {
    const chosen = patch && { patch, edited: stopped?.conflict?.current };
    this.replace(change.key, { ...change, ...chosen, key: newKey() } as Change);
  }

  /** Drops a stopped change; with the creation of a task also the later changes of the task. */
  discard(change: Change): void {
    const isDropped = ({ key, id }: Change) => key === change.key || (change.kind === "create" && id === change.id);
    this.editChanges((changes) => changes.filter((other) => !isDropped(other)));
  }

  /** Returns a task for the form: with its ETag, unless it has unsent changes or the service is unreachable. */
  async read(task: Task): Promise<Edited> {
    if (this.state.changes.some(({ id }) => id === task.id)) return { task };
    const answer = await readTask(task.id, AbortSignal.timeout(READ_TIMEOUT)).catch(() => undefined);
    if (!answer || !("task" in answer)) return { task };
    void this.edit({ put: [answer.task] });
    return answer;
  }

  /** Deletes the copy and the changes from this browser. */
  async erase(): Promise<void> {
    (await this.database).close();
    indexedDB.deleteDatabase(this.name);
  }

  // Synchronisation

  /** Exchanges changes with the service. One tab of the browser does so at a time. */
  sync(): Promise<void> {
    this.nextSync ??= this.exchangeInTurn();
    return this.nextSync;
  }

  private async exchangeInTurn(): Promise<void> {
    await navigator.locks.request(this.name, () => {
      this.nextSync = undefined;
      return this.exchange();
    });
  }

  private async exchange(): Promise<void> {
    try {
      for (let change; (change = nextChange(this.state.changes)); ) await this.sendChange(change);
      await this.readChanges();
      this.setOnline(true);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      if (error.status === 401) this.onSessionEnd();
      else this.setOnline(false);
    }
  }

  private async sendChange(change: Change): Promise<void> {
    const { task, stopped, isMerged } = await send(change);
    if (stopped) return this.replace(change.key, { ...change, stopped });
    if (isMerged) announce(`Merged your changes of “${task?.title}” with those of another device.`);
    const id = task?.id ?? change.id;
    if (id !== change.id) this.createdIds.set(change.id, id);
    await this.edit({
      ...(task ? { put: [task] } : { remove: [change.id] }),
      state: (state) => ({ ...state, changes: withoutConfirmed(state.changes, change, id) }),
    });
  }

  /** Brings the copy up to date. A sync token that has expired means to start again with an empty copy. */
  private async readChanges(): Promise<void> {
    for (let hasMore = true; hasMore; ) {
      const { syncToken } = this.state;
      const query = syncToken ? { sync_token: syncToken } : {};
      const { data, response } = await api.GET("/api/{user_id}/tasks/changes", { params: { path: ME, query } });
      if (!data && !(syncToken && [400, 410].includes(response.status))) throw new Unavailable(response.status);
      await this.edit({
        clear: !data,
        put: data?.tasks ?? [],
        remove: data?.deleted ?? [],
        state: (state) => ({ ...state, syncToken: data?.sync_token }),
      });
      hasMore = data?.has_more ?? true;
    }
  }

  private setOnline(isOnline: boolean): void {
    if (isOnline === this.isOnline) return;
    this.isOnline = isOnline;
    announce(isOnline ? "Connected again." : "The service is unreachable. Your changes are kept and sent later.");
    this.publish();
  }

  // The copy and the changes, in memory and in IndexedDB

  private push(change: Change): void {
    const id = this.createdIds.get(change.id) ?? change.id;
    this.editChanges((changes) => [...changes, { ...change, id }]);
  }

  private replace(key: string, replacement: Change): void {
    this.editChanges((changes) => changes.map((change) => (change.key === key ? replacement : change)));
  }

  private editChanges(edit: (changes: Change[]) => Change[]): void {
    void this.edit({ state: (state) => ({ ...state, changes: edit(state.changes) }) }).then(() => this.sync());
  }

  private async edit(edit: Edit): Promise<void> {
    this.version += 1;
    if (edit.clear) this.copy.clear();
    for (const task of edit.put ?? []) this.copy.set(task.id, task);
    for (const id of edit.remove ?? []) this.copy.delete(id);
    this.state = edit.state?.(this.state) ?? this.state;
    this.publish();
    await editDatabase(await this.database, edit);
    this.channel.postMessage("changed");
  }

  private async load(): Promise<void> {
    const { version } = this;
    const { tasks, state } = await readDatabase(await this.database);
    // An edit that was made meanwhile is not in what was read.
    if (version !== this.version) return this.load();
    this.copy = new Map(tasks.map((task) => [task.id, task]));
    this.state = state;
    this.isLoaded = true;
    this.publish();
  }

  private publish(): void {
    const { changes } = this.state;
    const tasks = withChanges(this.copy, changes);
    this.snapshot = { tasks, changes, isLoaded: this.isLoaded, isOnline: this.isOnline };
    for (const listener of this.listeners) listener();
  }
}

function newKey(): string {
  return crypto.randomUUID();
}
