import { useEffect } from "react";

import { authClient } from "./client";

const STORAGE_KEY = "todo-user";

export interface User {
  id: string;
  name: string;
  email: string;
}

/**
 * Returns the signed-in user, null without one, and undefined until that is known.
 *
 * The last user is remembered, so that the page opens with its copy of the tasks while the service is unreachable.
 */
export function useUser(): User | null | undefined {
  const { data, isPending, error } = authClient.useSession();
  const user = data?.user ?? null;
  const isKnown = !isPending && !error;
  useEffect(() => {
    if (isKnown) rememberUser(user);
  }, [isKnown, user]);
  if (user || isKnown) return user;
  return rememberedUser() ?? (isPending ? undefined : null);
}

function rememberUser(user: User | null): void {
  if (user) localStorage.setItem(STORAGE_KEY, JSON.stringify({ id: user.id, name: user.name, email: user.email }));
  else localStorage.removeItem(STORAGE_KEY);
}

function rememberedUser(): User | null {
  return JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "null") as User | null;
}
