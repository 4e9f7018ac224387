import { createContext, useContext, useSyncExternalStore } from "react";

import type { Snapshot } from "./local";
import type { TaskStore } from "./store";

export const StoreContext = createContext<TaskStore | null>(null);

/** Returns the store of the signed-in user. */
export function useStore(): TaskStore {
  return useContext(StoreContext)!;
}

/** Returns what the store has now, and renders again when it changes. */
export function useSnapshot(): Snapshot {
  const { local } = useStore();
  return useSyncExternalStore(local.subscribe, local.getSnapshot);
}
