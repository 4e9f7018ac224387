// A due date is a date, 2026-10-01, or a timestamp in UTC, 2026-10-01T15:00:00.000Z.

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function isTimestamp(due: string): boolean {
  return due.includes("T");
}

/** Returns the instant after which a task is overdue: for a date, the end of its day. Tasks without one come last. */
export function dueTime(due: string | null): number {
  if (due === null) return Infinity;
  return new Date(isTimestamp(due) ? due : `${due}T23:59:59.999`).getTime();
}

export function formatDue(due: string): string {
  return isTimestamp(due) ? DATE_AND_TIME.format(new Date(due)) : DATE.format(new Date(`${due}T00:00`));
}

/** Returns the values of the inputs for date and time, in the time zone of the browser. */
export function dueInputs(due: string | null): { date: string; time: string } {
  if (due === null || !isTimestamp(due)) return { date: due ?? "", time: "" };
  const local = new Date(due);
  local.setMinutes(local.getMinutes() - local.getTimezoneOffset());
  const [date, time] = local.toISOString().split("T");
  return { date: date!, time: time!.slice(0, 5) };
}

export function dueFromInputs(date: string, time: string): string | null {
  if (!date) return null;
  return time ? new Date(`${date}T${time}`).toISOString() : date;
}
