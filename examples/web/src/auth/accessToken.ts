import { Unavailable } from "../api/unavailable";
import { API_URL } from "../config";

// The task routes require an access token. The page keeps only the cookie of its session, which no script can read, and
// exchanges it for an access token, which stays in memory.

let token: Promise<string> | undefined;

/** Returns the access token. Throws Unavailable, with the status 401 if the session has ended. */
export function accessToken(): Promise<string> {
  token ??= requestToken().catch((error: unknown) => {
    forgetToken();
    throw error;
  });
  return token;
}

/** Forgets the token: it has expired, or another session has begun. */
export function forgetToken(): void {
  token = undefined;
}

async function requestToken(): Promise<string> {
  const response = await fetch(`${API_URL}/api/auth/refresh`, { method: "POST", credentials: "include" }).catch(() => {
    throw new Unavailable();
  });
  if (!response.ok) throw new Unavailable(response.status === 400 ? 401 : response.status); // 400: there is no cookie
  return ((await response.json()) as { token: string }).token;
}
