import { apiKeyClient } from "@better-auth/api-key/client";
import { createAuthClient } from "better-auth/react";

import { API_URL } from "../config";
import { forgetToken } from "./accessToken";

export const authClient = createAuthClient({
  baseURL: API_URL,
  plugins: [apiKeyClient()],
  disableDefaultFetchPlugins: true, // after a sign-in they would load the callbackURL
  fetchOptions: { onSuccess: ({ request }) => (request.method === "POST" ? forgetToken() : undefined) },
});

/** A request of the client that failed, with a message to show. */
export class AuthError extends Error {
  constructor(
    message: string,
    readonly code?: string,
  ) {
    super(message);
  }
}

interface Failure {
  code?: string | undefined;
  message?: string | undefined;
  statusText: string;
}

/** Returns the data of a response. Throws AuthError. */
export async function dataOf<T>(request: Promise<{ data: T | null; error: Failure | null }>): Promise<T> {
  const { data, error } = await request.catch(() => {
    throw new AuthError("The service is unreachable. Try again later.");
  });
  if (error) throw new AuthError(error.message ?? error.statusText, error.code);
  return data as T;
}
