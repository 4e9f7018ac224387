import { useId } from "react";

import type { Task } from "../api/client";
import { useStore } from "../sync/context";
import { announce } from "../ui/announcer";
import { Icon } from "../ui/Icon";
import { keepFocus } from "../ui/keepFocus";
import { dueTime, formatDue } from "./due";
import { formatRule } from "./recurrence";
import type { Handle, Marker } from "./useDrag";

const PRIORITIES = { high: "High priority", medium: "Medium priority", low: "Low priority" };

interface Props {
  task: Task;
  marker: Marker;
  handle: Handle | undefined;
  onEdit: () => void;
}

export function TaskRow({ task, marker, handle, onEdit }: Props) {
  const store = useStore();
  const id = useId();

  function complete() {
    store.update(task.id, { completed: !task.completed });
    announce(task.completed ? `Reopened “${task.title}”.` : `Completed “${task.title}”.`);
  }

  function remove() {
    store.remove(task);
    announce(`Moved “${task.title}” to the trash.`, () => store.restore(task));
  }

  return (
    <li className="task card" data-marker={marker} data-completed={task.completed}>
      {handle && (
        <button className="handle" {...handle} aria-label={`Move ${task.title}`} title="Drag, or press ↑ or ↓">
          <Icon name="drag" />
        </button>
      )}
      <input type="checkbox" id={id} checked={task.completed} onChange={(event) => keepFocus(event.currentTarget, complete)} />
      <div>
        <label htmlFor={id}>{task.title}</label>
        <Details task={task} />
      </div>
      <button onClick={onEdit} aria-label={`Edit ${task.title}`} title="Edit">
        <Icon name="edit" />
      </button>
      <button
        onClick={(event) => keepFocus(event.currentTarget, remove)}
        aria-label={`Delete ${task.title}`}
        title="Delete"
      >
        <Icon name="delete" />
      </button>
    </li>
  );
}

/** What a task has beside its title. */
function Details({ task }: { task: Task }) {
  const { description, due, priority, tags, completed, recurrence } = task;
  const isOverdue = !completed && dueTime(due) < Date.now();
  return (
    <>
      {description && <p className="description">{description}</p>}
      {(due || priority || tags.length > 0) && (
        <ul className="details" aria-label="Details">
          {due && (
            <li className={isOverdue ? "overdue" : undefined}>
              {isOverdue ? "Overdue: " : "Due "}
              <time dateTime={due}>{formatDue(due)}</time>
            </li>
          )}
          {recurrence && <li>{formatRule(recurrence)}</li>}
          {priority && <li data-priority={priority}>{PRIORITIES[priority]}</li>}
          {tags.map((tag) => (
            <li key={tag} className="tag">
              {tag}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
