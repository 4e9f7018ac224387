import { apiKeyClient } from "@better-auth/api-key/client";
import { createAuthClient } from "better-auth/react";

import { API_URL } from "../config";
import { forgetToken } from "./accessToken";

export const authClient = createAuthClient({
  baseURL: API_URL,
  plugins: [apiKeyClient()],
  fetchOptions: { onSuccess: ({ request }) => (request.method === "POST" ? forgetToken() : undefined) },
});

export const UNREACHABLE = "The service is unreachable. Try again later.";

/** Returns the address of the page, for mailed links. With its fragment, a sign-in does not load the page again. */
export function pageAddress(): string {
  return `${location.origin}/#${location.hash.slice(1)}`;
}
