import type { Task } from "../api/client";

const STEP = 1024;

/**
 * Returns the new orders after a move: that of the moved task, between its new neighbours.
 *
 * Where the neighbours leave no room, the tasks after it also get new orders, until there is room.
 */
export function ordersAfterMove(tasks: readonly Task[], from: number, to: number): Map<number, number> {
  const others = tasks.toSpliced(from, 1);
  const before = others[to - 1]?.order;
  const after = others[to]?.order;
  let order = between(before, after);
  const orders = new Map([[tasks[from]!.id, order]]);
  for (const task of others.slice(to)) {
    if (task.order > order) break;
    orders.set(task.id, ++order);
  }
  return orders;
}

function between(before: number | undefined, after: number | undefined): number {
  if (before === undefined) return (after ?? 0) - STEP;
  if (after === undefined) return before + STEP;
  const middle = (before + after) / 2;
  return middle > before ? middle : before + 1;
}
