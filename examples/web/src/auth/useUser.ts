import { useEffect, useState } from "react";

import { authClient } from "./client";

const STORAGE_KEY = "todo-user";

export interface User {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
}

/**
 * Returns the signed-in user, null without one, and undefined until that is known.
 *
 * The last user is remembered, so that the page opens with its copy of the tasks while the service is unreachable.
 */
export function useUser(): User | null | undefined {
  const { data, isPending, error } = authClient.useSession();
  const [isFirst, setIsFirst] = useState(true); // a later request, as after a sign-up, leaves the form on the page
  const user = data?.user ?? null;
  const isKnown = !isPending && !error;
  useEffect(() => {
    if (!isKnown) return;
    rememberUser(user);
    setIsFirst(false);
  }, [isKnown, user]);
  if (user || isKnown) return user;
  return rememberedUser() ?? (isPending && isFirst ? undefined : null);
}

function rememberUser(user: User | null): void {
  if (!user) return localStorage.removeItem(STORAGE_KEY);
  const { id, name, email, emailVerified } = user;
  localStorage.setItem(STORAGE_KEY, JSON.stringify({ id, name, email, emailVerified }));
}

function rememberedUser(): User | null {
  return JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "null") as User | null;
}
