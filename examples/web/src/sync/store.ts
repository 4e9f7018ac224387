import { api, ME, type Task, type TaskFields } from "../api/client";
import { Unavailable } from "../api/unavailable";
import { announce } from "../ui/announcer";
import { type Change, type Edited, nextChange, withoutConfirmed } from "./changes";
import { LocalTasks } from "./local";
import { readTask, send } from "./send";

const INTERVAL = 20_000;
/** Milliseconds to wait for the newest version before the form opens with that of the copy. */
const READ_TIMEOUT = 2_000;

/**
 * The tasks of a user: what is here, and its synchronisation with the service.
 *
 * `sync` sends the changes of the user in their order, then reads what has changed elsewhere. It runs after each change,
 * at an interval, and when the page regains the focus or the connection.
 */
export class TaskStore {
  readonly local: LocalTasks;
  private nextSync: Promise<void> | undefined;
  /** The ids that the service gave to tasks of this page. */
  private createdIds = new Map<number, number>();

  constructor(
    private readonly name: string,
    private readonly onSessionEnd: () => void,
  ) {
    this.local = new LocalTasks(name);
  }

  /** Loads the tasks and keeps them up to date. Returns a function that stops this. */
  start(): () => void {
    const sync = () => void this.sync();
    const timer = setInterval(sync, INTERVAL);
    addEventListener("online", sync);
    addEventListener("focus", sync);
    void this.local.load().then(sync);
    return () => {
      clearInterval(timer);
      removeEventListener("online", sync);
      removeEventListener("focus", sync);
    };
  }

  // Changes of the user

  add(values: Pick<Task, "title" | "due" | "priority">): void {
    const now = new Date().toISOString();
    const orders = [...this.local.getSnapshot().tasks.values()].map((task) => task.order);
    const order = 1024 + orders.reduce((highest, other) => Math.max(highest, other), 0);
    const written = { description: null, tags: [], completed: false, order, ...values };
    const repetition = { recurrence: null, repeat_from: null, timezone: null, next_id: null };
    const times = { completed_at: null, created_at: now, updated_at: now };
    const task = { ...written, ...repetition, ...times, id: -Date.now(), user_id: "me" };
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
    if (this.local.state.changes.some(({ id }) => id === task.id)) return { task };
    const answer = await readTask(task.id, AbortSignal.timeout(READ_TIMEOUT)).catch(() => undefined);
    if (!answer || !("task" in answer)) return { task };
    void this.local.edit({ put: [answer.task] });
    return answer;
  }

  private push(change: Change): void {
    const id = this.createdIds.get(change.id) ?? change.id;
    this.editChanges((changes) => [...changes, { ...change, id }]);
  }

  private replace(key: string, replacement: Change): void {
    this.editChanges((changes) => changes.map((change) => (change.key === key ? replacement : change)));
  }

  private editChanges(edit: (changes: Change[]) => Change[]): void {
    const stored = this.local.edit({ state: (state) => ({ ...state, changes: edit(state.changes) }) });
    void stored.then(() => this.sync());
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
      for (let change; (change = nextChange(this.local.state.changes)); ) await this.sendChange(change);
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
    await this.local.edit({
      ...(task ? { put: [task] } : { remove: [change.id] }),
      state: (state) => ({ ...state, changes: withoutConfirmed(state.changes, change, id) }),
    });
  }

  /** Brings the copy up to date. A sync token that has expired means to start again with an empty copy. */
  private async readChanges(): Promise<void> {
    for (let hasMore = true; hasMore; ) {
      const { syncToken } = this.local.state;
      const query = syncToken ? { sync_token: syncToken } : {};
      const { data, response } = await api.GET("/api/{user_id}/tasks/changes", { params: { path: ME, query } });
      if (!data && !(syncToken && [400, 410].includes(response.status))) throw new Unavailable(response.status);
      await this.local.edit({
        clear: !data,
        put: data?.tasks ?? [],
        remove: data?.deleted ?? [],
        state: (state) => ({ ...state, syncToken: data?.sync_token }),
      });
      hasMore = data?.has_more ?? true;
    }
  }

  private setOnline(isOnline: boolean): void {
    if (isOnline === this.local.getSnapshot().isOnline) return;
    this.local.setOnline(isOnline);
    announce(isOnline ? "Connected again." : "The service does not answer. Your changes are kept and sent later.");
  }
}

function newKey(): string {
  return crypto.randomUUID();
}
