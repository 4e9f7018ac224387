import { useEffect, useSyncExternalStore } from "react";

interface Announcement {
  text: string;
  undo?: (() => void) | undefined;
}

const DURATION = 10_000;

let current: Announcement | undefined;
const listeners = new Set<() => void>();

/** Shows a message for some seconds. Screen readers read it out. */
export function announce(text: string, undo?: () => void): void {
  show({ text, undo });
}

function show(announcement: Announcement | undefined): void {
  current = announcement;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Announcer() {
  const announcement = useSyncExternalStore(subscribe, () => current);
  useEffect(() => {
    const timer = setTimeout(() => show(undefined), DURATION);
    return () => clearTimeout(timer);
  }, [announcement]);
  const undo = () => {
    announcement?.undo?.();
    show(undefined);
  };
  return (
    <div className="announcer">
      <p role="status">{announcement?.text}</p>
      {announcement?.undo && <button onClick={undo}>Undo</button>}
    </div>
  );
}
