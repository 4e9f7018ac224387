import type { Task } from "../api/client";
import { useStore } from "../sync/context";
import { announce } from "../ui/announcer";
import { ordersAfterMove } from "./order";
import { TaskRow } from "./TaskRow";
import { useDrag } from "./useDrag";

interface Props {
  tasks: Task[];
  /** Whether the tasks are in the user's own order. */
  canMove: boolean;
  onEdit: (task: Task) => void;
}

export function TaskList({ tasks, canMove, onEdit }: Props) {
  const store = useStore();
  const drag = useDrag(move);

  function move(from: number, to: number) {
    if (to < 0 || to >= tasks.length || to === from) return;
    for (const [id, order] of ordersAfterMove(tasks, from, to)) store.update(id, { order });
    announce(`Moved “${tasks[from]!.title}” to position ${to + 1} of ${tasks.length}.`);
  }

  return (
    <ol className="tasks" ref={drag.list}>
      {tasks.map((task, index) => (
        <TaskRow
          key={task.id}
          task={task}
          marker={drag.marker(index)}
          handle={canMove ? drag.handle(index) : undefined}
          onEdit={() => onEdit(task)}
        />
      ))}
    </ol>
  );
}
