import { useMemo, useState } from "react";

import { useSnapshot, useStore } from "../sync/context";
import type { Edited } from "../sync/changes";
import { AddTask } from "./AddTask";
import { EditDialog } from "./EditDialog";
import { filterTasks, NO_FILTER } from "./filter";
import { FilterBar } from "./FilterBar";
import { StoppedChanges } from "./StoppedChanges";
import { TaskList } from "./TaskList";

const PAGE_SIZE = 25;

export function TasksPage() {
  const store = useStore();
  const { tasks, isLoaded } = useSnapshot();
  const [filter, setFilter] = useState(NO_FILTER);
  const [size, setSize] = useState(PAGE_SIZE);
  const [edited, setEdited] = useState<Edited>();
  const matching = useMemo(() => filterTasks(tasks.values(), filter), [tasks, filter]);
  const shown = matching.slice(0, size);

  return (
    <>
      <h1>Tasks</h1>
      <AddTask />
      <StoppedChanges />
      <FilterBar filter={filter} tasks={tasks} onChange={setFilter} />
      <p className="count" aria-live="polite">
        {isLoaded ? `${shown.length} of ${matching.length} shown` : "Loading"}
      </p>
      {isLoaded && matching.length === 0 && <p className="empty">No tasks here.</p>}
      <TaskList
        tasks={shown}
        canMove={filter.sort === "order"}
        onEdit={async (task) => setEdited(await store.read(task))}
      />
      {shown.length < matching.length && (
        <button onClick={() => setSize(size + PAGE_SIZE)}>Show more</button>
      )}
      {edited && <EditDialog edited={edited} onClose={() => setEdited(undefined)} />}
    </>
  );
}
