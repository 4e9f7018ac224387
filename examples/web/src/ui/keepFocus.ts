import { flushSync } from "react-dom";

const CONTROLS = "button, input";

/** Runs an action of a row. If the row disappears, the focus moves to the same control of the row beside it. */
export function keepFocus(control: HTMLElement, action: () => void): void {
  const row = control.closest("li")!;
  const position = [...row.querySelectorAll(CONTROLS)].indexOf(control);
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  flushSync(action);
  if (!control.isConnected) neighbour?.querySelectorAll<HTMLElement>(CONTROLS)[position]?.focus();
}
