import { useSyncExternalStore } from "react";

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

/** Returns the name of the page, which is the fragment of the address: `trash` for `#trash`. */
export function usePage(): string {
  return useSyncExternalStore(subscribe, () => location.hash.slice(1));
}
