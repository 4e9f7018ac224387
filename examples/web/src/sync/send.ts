import { api, ME, type Problem, type Task } from "../api/client";
import { Unavailable } from "../api/unavailable";
import { type Change, conflictingFields, type Edited, type Stopped } from "./changes";

interface Result {
  /** The task as it is now; absent if it was deleted. */
  task?: Task | undefined;
  stopped?: Stopped | undefined;
  /** Whether the change was merged with one from another device. */
  isMerged?: boolean;
}

interface Answer {
  data?: Task | undefined;
  error?: Problem | undefined;
  response: Response;
}

/** Sends a change. Throws Unavailable if it must be sent again later. */
export async function send(change: Change): Promise<Result> {
  const header = { "Idempotency-Key": change.key };
  const path = { ...ME, task_id: change.id };
  switch (change.kind) {
    case "create": {
      const { title, description, due, priority, tags } = change.task;
      const body = { title, description, due, priority, tags };
      return result(await api.POST("/api/{user_id}/tasks", { params: { path: ME, header }, body }));
    }
    case "update":
      return change.edited ? sendEdit(change, change.edited) : sendUpdate(change);
    case "delete":
      return gone(await api.DELETE("/api/{user_id}/tasks/{task_id}", { params: { path } }));
    case "restore":
      return result(await api.POST("/api/{user_id}/tasks/{task_id}/restore", { params: { path, header } }));
  }
}

type Update = Extract<Change, { kind: "update" }>;

/**
 * Sends an edit of the form, on the condition that nobody else has changed the task (If-Match).
 *
 * After 412 (Precondition Failed) the current task is read. Fields that only one side has changed are merged; the edit
 * stops if both sides have changed a field.
 */
async function sendEdit(change: Update, edited: Edited): Promise<Result> {
  let { etag } = edited;
  for (let isMerged = false; ; isMerged = true) {
    const answer = etag ? await patch(change, etag) : undefined;
    if (answer && answer.response.status !== 412) return { ...result(answer), isMerged };
    const current = await readTask(change.id);
    if (!("task" in current)) return current;
    const fields = conflictingFields(change.patch, edited.task, current.task);
    const message = "was changed on another device while you edited it";
    if (fields.length > 0) return { stopped: { message, conflict: { current, fields } } };
    etag = current.etag;
  }
}

/** Sends a change of one value, such as a tick. The last one wins, and a task that is gone needs none. */
async function sendUpdate(change: Update): Promise<Result> {
  const answer = await patch(change);
  return answer.response.status === 404 ? {} : result(answer);
}

function patch(change: Update, etag?: string): Promise<Answer> {
  const header = etag ? { "If-Match": etag } : {};
  const params = { path: { ...ME, task_id: change.id }, header };
  return api.PATCH("/api/{user_id}/tasks/{task_id}", { params, body: change.patch });
}

/** Reads a task and its ETag. */
export async function readTask(id: number, signal?: AbortSignal): Promise<Required<Edited> | { stopped: Stopped }> {
  const params = { path: { ...ME, task_id: id } };
  const answer = await api.GET("/api/{user_id}/tasks/{task_id}", { params, ...(signal && { signal }) });
  const { task, stopped } = result(answer);
  return task ? { task, etag: answer.response.headers.get("ETag")! } : { stopped: stopped! };
}

function gone({ error, response }: Answer): Result {
  return response.status === 404 ? {} : result({ error, response });
}

function result({ data, error, response }: Answer): Result {
  if (response.ok) return { task: data };
  if ([401, 409, 429].includes(response.status) || response.status >= 500) throw new Unavailable(response.status);
  return { stopped: { message: `was not saved: ${error ? reason(error) : response.statusText}` } };
}

/** Returns what is wrong with the input, as the service says it. */
function reason({ detail, errors = [] }: Problem): string {
  return errors.length > 0 ? errors.map((error) => error.detail).join(" ") : detail;
}
