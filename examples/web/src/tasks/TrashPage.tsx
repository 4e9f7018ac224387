import { useEffect, useState } from "react";

import { api, ME, type Task } from "../api/client";
import { useStore } from "../sync/context";
import { announce } from "../ui/announcer";
import { Field } from "../ui/Field";
import { keepFocus } from "../ui/keepFocus";

const PAGE_SIZE = 20;

interface Page {
  tasks: Task[];
  total: number;
  /** The cursor of the next page; null on the last one. */
  cursor: string | null;
}

/** The deleted tasks. They are not in the copy: the service filters and pages them. */
export function TrashPage() {
  const store = useStore();
  const [text, setText] = useState("");
  const [page, setPage] = useState<Page>();
  const [error, setError] = useState("");

  useEffect(() => {
    const aborted = new AbortController();
    loadPage({ text, signal: aborted.signal }).then(
      (first) => {
        setPage(first);
        setError("");
      },
      () => aborted.signal.aborted || setError("The trash cannot be shown now: the service does not answer."),
    );
    return () => aborted.abort();
  }, [text]);

  async function showMore() {
    const next = await loadPage({ text, cursor: page!.cursor! });
    setPage({ ...next, tasks: [...page!.tasks, ...next.tasks] });
  }

  function restore(task: Task) {
    store.restore(task);
    setPage({ ...page!, total: page!.total - 1, tasks: page!.tasks.filter(({ id }) => id !== task.id) });
    announce(`Restored “${task.title}”.`);
  }

  return (
    <>
      <h1>Trash</h1>
      <p>Deleted tasks are kept for thirty days.</p>
      <search className="filters">
        <Field label="Search" type="search" value={text} maxLength={255} onChange={(event) => setText(event.target.value)} />
      </search>
      <p role="alert">{error}</p>
      {page && <p className="count">{`${page.tasks.length} of ${page.total} shown`}</p>}
      <ul className="tasks">
        {page?.tasks.map((task) => (
          <li key={task.id} className="task card">
            <div>{task.title}</div>
            <button
              onClick={(event) => keepFocus(event.currentTarget, () => restore(task))}
              aria-label={`Restore ${task.title}`}
            >
              Restore
            </button>
          </li>
        ))}
      </ul>
      {page?.cursor && <button onClick={showMore}>Show more</button>}
    </>
  );
}

interface PageOptions {
  text: string;
  cursor?: string;
  signal?: AbortSignal;
}

async function loadPage({ text, cursor, signal }: PageOptions): Promise<Page> {
  const query = { deleted: true, sort: "-updated_at", limit: PAGE_SIZE, ...(text && { q: text }), ...(cursor && { cursor }) };
  const { data, error, response } = await api.GET("/api/{user_id}/tasks", {
    params: { path: ME, query },
    ...(signal && { signal }),
  });
  if (!data) throw new Error(error.detail);
  const next = /<([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
  return {
    tasks: data,
    total: Number(response.headers.get("X-Total-Count")),
    cursor: next ? new URL(next, response.url).searchParams.get("cursor") : null,
  };
}
